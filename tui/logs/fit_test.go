package logs

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

// show writes rows as a reader sees them: "<" and ">" where there is more, "." for blank lead cells.
func show(text string, rows []fitRow) string {
	var out []string
	for _, r := range rows {
		s := strings.Repeat(".", r.lead) + text[r.from:r.to]
		if r.left {
			s = "<" + s
		}
		if r.right {
			s += ">"
		}
		out = append(out, s)
	}
	return strings.Join(out, "|")
}

func TestFitText(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		w          int
		wrap       bool
		skip, most int
		want       string
		rest       int
	}{
		{"short", "abc", 5, false, 0, 9, "abc", 0},
		{"exact", "abcde", 5, false, 0, 9, "abcde", 0},
		{"cut", "abcdef", 5, false, 0, 9, "abcd>", 0},
		{"scrolled", "abcdefghij", 5, false, 2, 9, "<def>", 0},
		{"scrolled to the end", "abcdefg", 5, false, 2, 9, "<defg", 0},
		{"scrolled beyond", "abc", 5, false, 8, 9, "<", 0},
		{"empty", "", 5, false, 0, 9, "", 0},
		{"wrapped", "abcdefghijkl", 5, true, 0, 9, "abcde|fghij|kl", 0},
		{"wrapped exactly", "abcdefghij", 5, true, 0, 9, "abcde|fghij", 0},
		{"breaks", "a\nbc\n", 5, true, 0, 9, "a|bc|", 0},
		{"breaks cut", "a\nbcdefgh", 5, false, 0, 9, "a|bcde>", 0},
		{"too many breaks", "a\nb\nc\nd", 5, false, 0, 2, "a|b", 2},
		{"too long wrapped", "abcdefghijkl", 5, true, 0, 2, "abcde|fghij", -1},
		{"too long wrapped with breaks", "abcdefghijkl\nx\ny", 5, true, 0, 2, "abcde|fghij", 2},
		{"wide", "日本語", 5, true, 0, 9, "日本|語", 0},
		{"wide cut", "日本語", 5, false, 0, 9, "日本>", 0},
		{"half a wide one", "日本語中文", 5, false, 2, 9, "<.語>", 0},
		{"too wide for a cell", "日x", 1, true, 0, 9, "日|x", 0},
		{"combining", "e\u0301e\u0301e\u0301", 2, true, 0, 9, "e\u0301e\u0301|e\u0301", 0},
		{"a word that ends with the row", "abc de fghi", 6, true, 0, 9, "abc de| fghi", 0},
		{"at a space", "abcd efghi", 7, true, 0, 9, "abcd |efghi", 0},
		{"space too far back", "a bcdefghij", 6, true, 0, 9, "a bcde|fghij", 0},
		{"no width", "abc", 0, true, 0, 9, "", 0},
		{"no rows", "abc", 5, true, 0, 0, "", 0},
	} {
		rows, rest := fitText(tc.text, tc.w, tc.w, tc.wrap, tc.skip, tc.most)
		if got := show(tc.text, rows); got != tc.want || rest != tc.rest {
			t.Errorf("%s: %q rest %d, want %q rest %d", tc.name, got, rest, tc.want, tc.rest)
		}
	}
}

// Rows stay inside the text and inside the width, and a wrapped text loses nothing.
func FuzzFitText(f *testing.F) {
	f.Add("abc\n日本語\u0301 👩‍👩‍👧 x", 5, 7, true, 0, 10)
	f.Add("a\xff\xfeb", 1, 1, false, 3, 10)
	f.Fuzz(func(t *testing.T, text string, w, more int, wrap bool, skip, most int) {
		w, more, skip, most = w%300, max(1, more%300), skip%1000, most%100
		text = cleanText(text)
		rows, rest := fitText(text, w, more, wrap, skip, most)
		if len(rows) > max(0, most) {
			t.Fatalf("%d rows, limit %d", len(rows), most)
		}
		var b strings.Builder
		for i, r := range rows {
			room := rowWidth(i, w, more)
			if r.from < 0 || r.from > r.to || r.to > len(text) {
				t.Fatalf("row %+v of %d bytes", r, len(text))
			}
			cells := r.lead + r.cells + b2i(r.left) + b2i(r.right)
			if cells > room {
				t.Fatalf("row %+v is %d cells of %d", r, cells, room)
			}
			if got := ansi.StringWidth(text[r.from:r.to]); got != r.cells && room > 1 {
				t.Fatalf("row %q is %d cells, said %d", text[r.from:r.to], got, r.cells)
			}
			b.WriteString(text[r.from:r.to])
		}
		if wrap && rest == 0 && w > 0 && most > 0 && b.String() != strings.ReplaceAll(text, "\n", "") {
			t.Fatalf("wrapped %q became %q", text, b.String())
		}
	})
}
