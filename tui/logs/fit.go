package logs

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"midwatch/tui/ui"
)

// cleanText makes the text of an entry safe to show, line by line.
func cleanText(s string) string {
	if strings.IndexByte(s, '\n') < 0 {
		return ui.Clean(s)
	}
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i := range lines {
		lines[i] = ui.Clean(lines[i])
	}
	return strings.Join(lines, "\n")
}

// fitRow is a part of a text that fills one row: text[from:to], cells wide after lead blank cells,
// which stand for a wide character that was cut in half. left and right say that there is more of
// the text on that side; each costs a cell for its sign.
type fitRow struct {
	from, to    int
	lead, cells int
	left, right bool
}

// fitText cuts a cleaned text into at most limit rows, the first of w cells and the others of more.
// Line breaks always begin a row. With wrap a long line goes on in the next row, without it the row
// shows the cells from skip on. rest is the number of line breaks that did not fit, -1 when only the
// end of a wrapped line did not.
func fitText(text string, w, more int, wrap bool, skip, limit int) (rows []fitRow, rest int) {
	if w <= 0 || limit <= 0 {
		return nil, 0
	}
	more = max(more, 1)
	for from := 0; ; {
		end := strings.IndexByte(text[from:], '\n')
		last := end < 0
		if last {
			end = len(text)
		} else {
			end += from
		}
		if len(rows) == limit {
			return rows, strings.Count(text[from:], "\n") + 1
		}
		if wrap {
			if rows = wrapLine(rows, text, from, end, w, more, limit); rows[len(rows)-1].to < end {
				return rows, max(strings.Count(text[end:], "\n"), 0) - b2i(last)
			}
		} else {
			rows = append(rows, cutLine(text, from, end, rowWidth(len(rows), w, more), skip))
		}
		if last {
			return rows, 0
		}
		from = end + 1
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// rowWidth is the width of a row by its number.
func rowWidth(row, first, others int) int {
	if row == 0 {
		return first
	}
	return others
}

// wrapLine appends the rows of text[from:end]. A row ends after a space when there is one in its
// last third: half a word costs more to read than a few cells.
func wrapLine(rows []fitRow, text string, from, end, w, more, limit int) []fitRow {
	for len(rows) < limit {
		to, cells := take(text[from:end], rowWidth(len(rows), w, more))
		if from+to < end {
			if i := strings.LastIndexByte(text[from:from+to], ' '); i >= 0 && i >= to*2/3 && text[from+to] != ' ' {
				cells -= ui.Width(text[from+i+1 : from+to])
				to = i + 1
			}
		}
		rows = append(rows, fitRow{from: from, to: from + to, cells: cells})
		from += to
		if from >= end {
			break
		}
	}
	return rows
}

// cutLine returns the row of text[from:end] that shows w cells from cell skip on.
func cutLine(text string, from, end, w, skip int) fitRow {
	r := fitRow{from: from, to: end}
	line := text[from:end]
	if skip > 0 && w > 2 {
		n, over := drop(line, skip+1)
		if n > 0 || over > 0 {
			r.left, r.lead = true, over
			r.from += n
			w--
		}
	}
	n, cells := take(text[r.from:end], w-r.lead)
	if r.from+n < end && w > 1 {
		r.right = true
		n, cells = take(text[r.from:end], w-1-r.lead)
	}
	r.to, r.cells = r.from+n, cells
	return r
}

// take returns how many bytes of s fill at most w cells, and the cells. It takes at least one
// character when there is one and w is not 0, so that wrapping ends; Clean leaves none wider than 2.
func take(s string, w int) (n, cells int) {
	for n < len(s) {
		size, width := 1, 1
		if c := s[n]; c >= 0x80 || n+1 < len(s) && s[n+1] >= 0x80 {
			cluster, cw := ansi.FirstGraphemeCluster(s[n:], ansi.GraphemeWidth)
			size, width = max(1, len(cluster)), cw
		}
		if cells+width > w && (n > 0 || width <= w) {
			break
		}
		if cells+width > w { // a wide character in a single cell: not shown, not stuck
			return n + size, cells
		}
		n += size
		cells += width
	}
	return n, cells
}

// drop returns how many bytes of s the first w cells take, and how many cells of a wide character
// that began before reach beyond them.
func drop(s string, w int) (n, over int) {
	cells := 0
	for n < len(s) && cells < w {
		size, width := 1, 1
		if c := s[n]; c >= 0x80 || n+1 < len(s) && s[n+1] >= 0x80 {
			cluster, cw := ansi.FirstGraphemeCluster(s[n:], ansi.GraphemeWidth)
			size, width = max(1, len(cluster)), cw
		}
		n += size
		cells += width
	}
	return n, max(0, cells-w)
}
