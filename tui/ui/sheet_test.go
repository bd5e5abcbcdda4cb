package ui_test

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"midwatch/themes"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

func TestSheet(t *testing.T) {
	t.Parallel()
	s := ui.NewSheet(uitest.Plain(), 30, 8)
	s.Sign("x", themes.Bad, "broken: a long reason that has to go on")
	s.Pair("at", themes.Text, "file.conf:12")
	s.Pair("none", themes.Text, "")
	s.Pair("a-name-that-is-long", themes.Text, "value")
	s.Head("Part", "4s old", false)
	s.Text(themes.Text, "")
	s.Text(themes.Text, "evil\x1b[2J text")
	s.Code(7, "\tlisten 80;", true)
	want := strings.Join([]string{
		"x broken: a long reason that", "  has to go on", "at      file.conf:12", "a-name-that-is-long", "        value",
		"", "Part                    4s old", "evil text", "▌    7     listen 80;",
	}, "\n")
	if got := strings.Join(s.Lines(), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Below some width words are cut by the viewer that shows them.
func TestSheetAnyWidth(t *testing.T) {
	t.Parallel()
	for w := 20; w < 80; w++ {
		s := ui.NewSheet(uitest.Plain(), w, 8)
		s.Head("a title that is long", "a note that is long", true)
		s.Sign("x", themes.Bad, "some words and averylongwordthatdoesnotfit")
		s.Pair("name", themes.Text, "日本語 value")
		s.Text(themes.Text, "text that wraps")
		for _, l := range s.Lines() {
			if n := ansi.StringWidth(l); n > w {
				t.Errorf("%d: a line of %d cells: %q", w, n, l)
			}
		}
	}
}
