package ui_test

import (
	"strings"
	"testing"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

// shelf is a listing of words; those in capitals are in trouble.
type shelf struct{ *ui.Listing[string] }

func newShelf(d ui.Deps, open ui.OpenMsg) ui.Screen {
	s := &shelf{}
	s.Listing = ui.NewListing(ui.ListingParams[string]{
		Deps: d, Open: open, ID: "shelf", Title: "Shelf", Noun: "word", Topics: []hosts.Topic{hosts.TopicUnits},
		Columns: []ui.Column[string]{{ID: "word", Title: "word", Filter: true, Cell: func(w string) ui.Cell { return ui.Cell{Text: w} }, Compare: strings.Compare}},
		Rows: func() []ui.Row[string] {
			var out []ui.Row[string]
			for _, h := range s.Snap.Hosts {
				out = append(out, ui.Row[string]{ID: h.Host.Name, Value: h.Host.Name})
			}
			return out
		},
		Trouble: func(w string) bool { return w == strings.ToUpper(w) },
		Is:      func(w, object string) bool { return w == object },
		Details: func(w string, p *ui.Page) {
			p.Field("word", w, themes.Text)
			p.Head("More", "", false)
			p.Grid([][]ui.Cell{{{Text: "letter"}, {Text: "number"}}, {{Text: w[:1]}, {Text: "1", Glyph: "!"}}})
		},
		Name: func(w string) string { return "the " + w },
	})
	s.Rebuild()
	return s
}

func words(names ...string) *hosts.Snapshot {
	s := &hosts.Snapshot{Gen: 1}
	for _, n := range names {
		s.Hosts = append(s.Hosts, &hosts.HostFacts{Host: hosts.Host{Name: n}})
	}
	return s
}

func TestListing(t *testing.T) {
	t.Parallel()
	g := uitest.NewStage(t, uitest.Plain(), ui.OpenMsg{}, words("one", "TWO", "three"), newShelf)
	g.CheckActions()
	g.Has("Shelf", "the one", "letter  number") // the details stand below
	g.Keys("j")
	g.Has("the TWO")
	g.Keys("v")
	g.HasNot("the TWO")
	g.Keys("v", "e")
	g.Has("only problems, 2 left out (e)")
	g.HasNot("three")
	g.Show(words("one", "three"))
	g.Has("no word is in trouble", "2 words left out")
	g.Keys("esc", "enter")
	if got := g.Screen.Title(); got != "Shelf › the one" {
		t.Errorf("title %q", got)
	}
	g.CheckActions()
	g.Screen.SetSize(80, 10)
	g.HasNot("three")
	g.Keys("esc")
	g.Has("three")
	g.HasNot("the one") // no room for the details
	g.Screen.SetSize(160, 10)
	g.Has("three", "the one") // beside
	uitest.CheckView(t, g.Screen)
}

// A row that goes while its details are open leaves the list, not a hole.
func TestListingWhenTheRowGoes(t *testing.T) {
	t.Parallel()
	g := uitest.NewStage(t, uitest.Plain(), ui.OpenMsg{Object: "TWO"}, words(), newShelf)
	g.Show(words("one", "TWO"))
	g.Has("the TWO")
	g.Show(words())
	g.Has("Shelf")
	uitest.CheckView(t, g.Screen)
}
