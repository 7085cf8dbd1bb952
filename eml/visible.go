package eml

// Visible is the one sanitiser foreign text passes before a terminal, a log
// line or an error message: C0, DEL and C1 controls (as runes and as bare
// bytes), bidi controls (U+200E/F, U+202A-E, U+2066-9), zero-width and
// unassigned format characters and invalid UTF-8 become visible escapes such as \x1b or
// \u202e; a newline and a tab become one space. Text without them is returned as it is.
func Visible(s string) string { panic("seam") }
