package tui

import "strings"

// fold says at which bytes the folded lines of a line begin, each of at most w
// cells: at spaces where there are some, as a reader expects, else anywhere.
func fold(line string, w int) []int {
	folds := []int{0}
	used, space, since := 0, -1, 0 // space: behind the last one; since: cells behind it
	for i := 0; i < len(line); {
		letter := nextLetter(line[i:])
		n := letterCells(letter)
		if used > 0 && used+n > w {
			begin, rest := i, 0
			if space > folds[len(folds)-1] {
				begin, rest = space, since
			}
			folds = append(folds, begin)
			space, used = -1, rest
			if used > 0 && used+n > w { // the word and this letter do not fit together
				folds = append(folds, i)
				used = 0
			}
		}
		i += len(letter)
		used += n
		since += n
		if letter == " " {
			space, since = i, 0
		}
	}
	if used >= w { // the cursor behind the last letter has a line of its own
		folds = append(folds, len(line))
	}
	return folds
}

// foldOf is the folded line in which a byte of the line is.
func foldOf(folds []int, col int) int {
	for i := len(folds) - 1; i > 0; i-- {
		if folds[i] <= col {
			return i
		}
	}
	return 0
}

// columnAt is the byte at a cell column of a folded line.
func columnAt(line string, folds []int, at, want int) int {
	end := len(line)
	last := at+1 == len(folds)
	if !last {
		end = folds[at+1]
	}
	col, used := folds[at], 0
	for col < end {
		letter := nextLetter(line[col:])
		if used += letterCells(letter); used > want || !last && col+len(letter) == end {
			break
		}
		col += len(letter)
	}
	return col
}

// letterAt is the beginning of the letter in which a byte of s is.
func letterAt(s string, at int) int {
	col := 0
	for col < at {
		n := len(nextLetter(s[col:]))
		if col+n > at {
			break
		}
		col += n
	}
	return col
}

// nextLetter is firstLetter, quickly where it is ASCII.
func nextLetter(s string) string {
	if len(s) == 0 || s[0] < 0x80 && (len(s) == 1 || s[1] < 0x80) {
		return s[:min(1, len(s))]
	}
	return firstLetter(s)
}

// shownLetter is a letter as it is drawn: a tab is two spaces.
func shownLetter(letter string) string {
	if letter == "\t" {
		return "  "
	}
	if len(letter) == 1 && letter[0] >= ' ' && letter[0] < 0x7f {
		return letter
	}
	return safe(letter)
}

func letterCells(letter string) int {
	if len(letter) == 1 && letter[0] >= ' ' && letter[0] < 0x7f {
		return 1
	}
	return cells(shownLetter(letter))
}

func shownText(s string) string {
	var b strings.Builder
	for s != "" {
		letter := nextLetter(s)
		b.WriteString(shownLetter(letter))
		s = s[len(letter):]
	}
	return b.String()
}

func shownCells(s string) int {
	n := 0
	for s != "" {
		letter := nextLetter(s)
		n += letterCells(letter)
		s = s[len(letter):]
	}
	return n
}
