package audience

// The codes of an ImportError, for those who say it in another language: what
// is wrong with a file, or with a column of it. Behind each the Args it has.
const (
	FileEmpty       = "file_empty"
	FileNoHeader    = "file_no_header"
	FileWebPage     = "file_web_page"
	FileNotText     = "file_not_text"
	FileNotExcel    = "file_not_excel" // another kind of office file, or a damaged workbook
	FileOldExcel    = "file_old_excel"
	FilePassword    = "file_password"
	FileEncoding    = "file_encoding" // the encoding it was read in
	FileRow         = "file_row"      // the row cannot be told apart into cells
	FileTooLarge    = "file_too_large"
	ColumnsTooMany  = "columns_too_many" // how many
	ColumnNoEmail   = "column_no_email"
	ColumnTwice     = "column_twice"     // two headers that mean one field
	ColumnSameName  = "column_same_name" // the header
	ColumnBadName   = "column_bad_name"  // the header
	ColumnNotThere  = "column_not_there" // the header
	ColumnDoubled   = "column_doubled"   // the header
	ColumnExportsOf = "column_exports_of"
)

// The codes of other errors that people meet in the UI, as eml.Problem's.
const (
	CodeOwnChoice  = "own_choice" // switched off by the person; only they take it back
	CodeOwnYes     = "own_yes"    // subscribed by their own act already
	CodeSuppressed = "suppressed"
	CodeAsked      = "asked" // whether they want mail, not long ago
	CodeErased     = "erased"
	CodeCondition  = "condition" // which, from 1: it cannot be written as an expression
	CodeSegment    = "segment"   // line and column where an expression is wrong
)

// ImportCodes are all of an ImportError.
func ImportCodes() []string {
	return []string{FileEmpty, FileNoHeader, FileWebPage, FileNotText, FileNotExcel, FileOldExcel, FilePassword, FileEncoding, FileRow, FileTooLarge,
		ColumnsTooMany, ColumnNoEmail, ColumnTwice, ColumnSameName, ColumnBadName, ColumnNotThere, ColumnDoubled, ColumnExportsOf}
}

// What pabal itself writes as Detail of a Change or Suppression; the same words
// are in every store, so that they can be told in another language.
const (
	DetailUnsubscribe = "unsubscribe link"
	DetailPreferences = "preference page"
	DetailPageLink    = "preference page, link"  // one that was in a mail
	DetailOfMail      = " of mail q"             // behind either link, before the number of an application's mail
	DetailOfCampaign  = " of campaign "          // behind either link, before the campaign's number
	DetailRow         = "row "                   // before the id in MySQL
	DetailSoft        = " soft bounces in a row" // behind how many
	DetailKept        = "kept with the address"  // chosen by who had it before
	DetailSource      = "customers' table is another one now"
	DetailSESList     = "on the SES account's suppression list"
)
