package ui_test

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"
	"github.com/muesli/termenv"

	"midwatch/themes"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

type thing struct {
	name, image string
	cpu         float64
}

func columns() []ui.Column[thing] {
	return []ui.Column[thing]{
		{
			ID: "name", Title: "NAME", Min: 8, Grow: true, Filter: true,
			Cell:    func(x thing) ui.Cell { return ui.Cell{Text: x.name, Glyph: "●", GlyphRole: themes.OK} },
			Compare: func(a, b thing) int { return cmp.Compare(a.name, b.name) },
		},
		{
			ID: "image", Title: "IMAGE", Min: 6, Max: 30, Priority: 2, Cut: ui.CutStart, Filter: true,
			Cell: func(x thing) ui.Cell { return ui.Cell{Text: x.image, Role: themes.Muted} },
		},
		{
			ID: "cpu", Title: "CPU", Min: 5, Priority: 1, Right: true, Desc: true,
			Cell:    func(x thing) ui.Cell { return ui.Cell{Text: fmt.Sprintf("%.1f", x.cpu)} },
			Compare: func(a, b thing) int { return cmp.Compare(a.cpu, b.cpu) },
			Known:   func(x thing) bool { return x.cpu >= 0 },
		},
	}
}

func rows(n int) []ui.Row[thing] {
	out := make([]ui.Row[thing], n)
	for i := range out {
		out[i] = ui.Row[thing]{
			ID: fmt.Sprint("id", i), Version: 1,
			Value: thing{fmt.Sprintf("web-%02d", i), "registry.example/team/image:" + fmt.Sprint(i), float64(i)},
		}
	}
	return out
}

func table(n, w, h int) *ui.Table[thing] {
	t := ui.NewTable(uitest.Plain(), columns())
	t.SetSize(w, h)
	t.SetRows(rows(n))
	return t
}

func press(t *ui.Table[thing], keys ...string) {
	for _, k := range uitest.Keys(keys...) {
		if t.Capturing() {
			t.Key(k)
			continue
		}
		ui.Dispatch(t.Actions(), k, true)
	}
}

func selected(t *ui.Table[thing]) string {
	r, _ := t.Selected()
	return r.ID
}

func TestTableKeepsSelectionByID(t *testing.T) {
	t.Parallel()
	tb := table(10, 60, 6)
	if got := selected(tb); got != "id0" {
		t.Fatalf("first selection %q", got)
	}
	press(tb, "j", "j", "j")
	all := rows(10)
	tb.SetRows(append([]ui.Row[thing]{{ID: "new", Value: thing{name: "aaa"}}}, all...))
	if got := selected(tb); got != "id3" {
		t.Errorf("after an insert: %q", got)
	}
	tb.SetRows(append(append([]ui.Row[thing]{}, all[:3]...), all[4:]...))
	if got := selected(tb); got != "id4" {
		t.Errorf("after the selected row went: %q", got)
	}
	tb.SetRows(nil)
	if got := selected(tb); got != "" {
		t.Errorf("empty: %q", got)
	}
	tb.SetRows(all)
	if got := selected(tb); got != "id4" {
		t.Errorf("after rows came back: %q", got)
	}
}

func TestTableUntouchedStaysOnTop(t *testing.T) {
	t.Parallel()
	tb := table(3, 60, 6)
	tb.SetRows(append([]ui.Row[thing]{{ID: "new"}}, rows(3)...))
	if got := selected(tb); got != "new" {
		t.Errorf("selection %q, want the first row while nobody has moved", got)
	}
}

func TestTableMoves(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		keys string
		want string
	}{
		{"down", "id1"}, {"up", "id0"}, {"G", "id99"}, {"G g", "id0"}, {"pgdown", "id8"}, {"pgdown pgdown pgup", "id8"}, {"end up home", "id0"},
	} {
		tb := table(100, 60, 10)
		press(tb, strings.Fields(c.keys)...)
		if got := selected(tb); got != c.want {
			t.Errorf("%s: %q, want %q", c.keys, got, c.want)
		}
		if v := strings.Join(tb.Lines(), "\n"); !strings.Contains(v, "▌") {
			t.Errorf("%s: the cursor is out of sight:\n%s", c.keys, v)
		}
	}
}

func TestTableSort(t *testing.T) {
	t.Parallel()
	tb := table(4, 60, 8)
	all := rows(4)
	all[2].Value.cpu = -1
	tb.SetRows(all)
	tb.SortBy("cpu", true)
	want := []string{"id3", "id1", "id0", "id2"}
	for i, w := range want {
		if got := selected(tb); got != w {
			t.Errorf("descending %d: %q, want %q", i, got, w)
		}
		press(tb, "j")
	}
	press(tb, "S", "g")
	if got := selected(tb); got != "id0" {
		t.Errorf("ascending first: %q", got)
	}
	press(tb, "G")
	if got := selected(tb); got != "id2" {
		t.Errorf("unknown is not last: %q", got)
	}
	if h := tb.Lines()[0]; !strings.Contains(h, "CPU ↑") {
		t.Errorf("title line %q", h)
	}
}

func TestTableFilter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		filter string
		shown  int
	}{
		{"web-1", 10}, {"WEB-1", 0}, {"web-1 !web-11", 9}, {"name:03", 1}, {"image:03", 0}, {"~wb7", 10}, {"team 05", 1}, {"", 100}, {"!", 100}, {"nothing", 0},
	} {
		tb := table(100, 60, 10)
		press(tb, "/")
		for _, r := range c.filter {
			press(tb, string(r))
		}
		if !tb.Capturing() {
			t.Fatal("not capturing")
		}
		press(tb, "enter")
		if _, shown := tb.Len(); shown != c.shown && c.filter != "~wb7" {
			t.Errorf("%q shows %d, want %d", c.filter, shown, c.shown)
		}
		if _, shown := tb.Len(); c.filter == "~wb7" && (shown == 0 || shown == 100) {
			t.Errorf("fuzzy shows %d", shown)
		}
		if c.filter != "" && !tb.Back() {
			t.Errorf("%q: Back has nothing to leave", c.filter)
		}
		if tb.Back() {
			t.Error("Back twice")
		}
		if _, shown := tb.Len(); shown != 100 {
			t.Errorf("cleared filter shows %d", shown)
		}
	}
}

func TestTableHighlightsMatches(t *testing.T) {
	t.Parallel()
	st := uitest.Styles(themes.Dark(), termenv.TrueColor, false)
	tb := ui.NewTable(st, columns())
	tb.SetSize(60, 6)
	tb.SetRows(rows(3))
	tb.SetFilter("eb-0")
	v := strings.Join(tb.Lines(), "\n")
	if !strings.Contains(v, st.Normal.Render(themes.Match, "eb-0")) {
		t.Errorf("no match is marked: %q", v)
	}
}

func TestTableMarks(t *testing.T) {
	t.Parallel()
	tb := table(5, 60, 8)
	press(tb, " ", "j", " ")
	var got []string
	for _, r := range tb.Chosen() {
		got = append(got, r.ID)
	}
	if fmt.Sprint(got) != "[id0 id2]" {
		t.Errorf("chosen %v", got)
	}
	tb.SetRows(rows(1))
	if tb.Marks() != 1 {
		t.Errorf("marks of rows that are gone stay: %d", tb.Marks())
	}
	press(tb, "*")
	if tb.Marks() != 0 {
		t.Errorf("marks %d after * on all marked", tb.Marks())
	}
	press(tb, "*")
	if !tb.Back() || tb.Marks() != 0 {
		t.Error("Back does not clear marks")
	}
}

func TestTableGroups(t *testing.T) {
	t.Parallel()
	tb := ui.NewTable(uitest.Plain(), columns())
	tb.SetSize(60, 12)
	all := rows(6)
	for i := range all {
		all[i].Group = []string{"zeta", "alpha"}[i%2]
	}
	tb.SetRows(all)
	if got := selected(tb); got != "id0" {
		t.Fatalf("the first selection is %q, not the first row", got)
	}
	tb.SortBy("cpu", true)
	text := strings.Join(tb.Lines(), "\n")
	if strings.Index(text, "zeta") > strings.Index(text, "alpha") {
		t.Errorf("sorting shuffled the groups:\n%s", text)
	}
	press(tb, "z")
	if g, ok := tb.SelectedGroup(); !ok || g != "zeta" || len(tb.Chosen()) != 3 {
		t.Errorf("after folding: %q, %d chosen", g, len(tb.Chosen()))
	}
	if text = strings.Join(tb.Lines(), "\n"); strings.Contains(text, "web-00") || !strings.Contains(text, "▸ zeta  3") {
		t.Errorf("not folded:\n%s", text)
	}
	if !tb.Select("id2") || selected(tb) != "id2" {
		t.Error("Select does not open the group")
	}
	press(tb, "Z")
	if text = strings.Join(tb.Lines(), "\n"); strings.Contains(text, "web-0") {
		t.Errorf("not all folded:\n%s", text)
	}
	press(tb, "Z")
	if text = strings.Join(tb.Lines(), "\n"); strings.Count(text, "web-0") != 6 {
		t.Errorf("not all open:\n%s", text)
	}
}

func TestTableGroupsFollowTheSort(t *testing.T) {
	t.Parallel()
	tb := ui.NewTable(uitest.Plain(), columns())
	tb.GroupsFollow = true
	all := rows(6)
	for i := range all {
		all[i].Group = []string{"zeta", "alpha"}[i%2]
	}
	tb.SortBy("cpu", true)
	tb.SetRows(all)
	tb.SetSize(60, 12)
	if got := selected(tb); got != "id5" {
		t.Errorf("the first row is %q", got)
	}
	if l := tb.Lines(); !strings.Contains(l[1], "alpha") {
		t.Errorf("the list does not begin with the heading of its first row:\n%s", strings.Join(l, "\n"))
	}
}

func TestTableScrollBarTakesItsOwnCell(t *testing.T) {
	t.Parallel()
	l := table(100, 60, 10).Lines()
	if !strings.HasSuffix(l[1], "0.0┃") {
		t.Errorf("the bar covers a number: %q", l[1])
	}
}

func TestTableRendersVisibleRowsOnceEach(t *testing.T) {
	t.Parallel()
	tb := table(10_000, 120, 21)
	tb.Lines()
	if got := ui.Renders(tb); got != 20 {
		t.Errorf("%d rows rendered for 20 lines", got)
	}
	tb.Lines()
	press(tb, "j")
	tb.Lines()
	if got := ui.Renders(tb); got != 22 {
		t.Errorf("%d rows rendered after a move, want 22: the two that changed", got)
	}
	all := rows(10_000)
	all[5].Version = 2
	tb.SetRows(all)
	tb.Lines()
	if got := ui.Renders(tb); got != 23 {
		t.Errorf("%d rows rendered after one changed, want 23", got)
	}
}

func TestTableDropsColumnsByPriority(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		w    int
		want string
	}{{60, "NAME IMAGE CPU"}, {18, "NAME CPU"}, {12, "NAME"}} {
		head := strings.Join(table(3, c.w, 5).Lines()[:1], "")
		got := strings.Join(strings.FieldsFunc(head, func(r rune) bool { return r < 'A' || r > 'Z' }), " ")
		if got != c.want {
			t.Errorf("%d cells show %q, want %q", c.w, got, c.want)
		}
	}
	tb := table(3, 18, 5)
	press(tb, "right")
	if h := tb.Lines()[0]; !strings.Contains(h, "CPU") || strings.Contains(h, "IMAGE") {
		t.Errorf("scrolled columns: %q", h)
	}
}

func TestTableMouse(t *testing.T) {
	t.Parallel()
	tb := table(100, 60, 10)
	click := tea.MouseMsg{Button: tea.MouseButtonLeft, Action: tea.MouseActionPress}
	if tb.Mouse(click, 5, 4) || selected(tb) != "id3" {
		t.Errorf("click selects %q", selected(tb))
	}
	if !tb.Mouse(click, 5, 4) {
		t.Error("the second click does not open")
	}
	tb.Mouse(tea.MouseMsg{Button: tea.MouseButtonWheelDown, Action: tea.MouseActionPress}, 5, 4)
	tb.Mouse(tea.MouseMsg{Button: tea.MouseButtonWheelDown, Action: tea.MouseActionPress}, 5, 4)
	if v := tb.Lines()[1]; !strings.Contains(v, "web-06") {
		t.Errorf("after the wheel the first row is %q", v)
	}
	tb.Mouse(click, 4, 0)
	if id, _ := tb.Sort(); id != "name" {
		t.Errorf("a click on a title sorts by %q", id)
	}
	tb.Mouse(click, -1, 50)
}

func hostile() []string {
	return []string{
		"", "日本語のホスト名がとても長い場合", "🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀", "a\x1b[31mred\x1b[2Jgone", "tab\there\nnew", "e\u0301\u0301\u0301\u0301\u0301\u0301x",
		"\u202eevil", "👨‍👩‍👧‍👦 family", strings.Repeat("x", 500), "\xff\xfe bad utf8", "🇩🇪🇫🇷 flags", "ｆｕｌｌ", "\u200b\u200b",
	}
}

func TestTableAnySize(t *testing.T) {
	t.Parallel()
	for _, prof := range []termenv.Profile{termenv.Ascii, termenv.TrueColor} {
		tb := ui.NewTable(uitest.Styles(themes.Dark(), prof, false), columns())
		var rs []ui.Row[thing]
		for i, s := range hostile() {
			rs = append(rs, ui.Row[thing]{ID: fmt.Sprint(i), Group: ui.Clean(hostile()[i/3]), Value: thing{ui.Clean(s), ui.Clean(s), 1}})
		}
		tb.SetRows(rs)
		view := func(w, h int) string {
			tb.SetSize(w, h)
			for i, l := range tb.Lines() {
				if n := ansi.StringWidth(l); n != w {
					t.Fatalf("%dx%d line %d has %d cells: %q", w, h, i, n, l)
				}
			}
			return ui.Join(tb.Lines(), w, h)
		}
		if prof == termenv.Ascii {
			uitest.CheckSizes(t, view)
			tb.SetRows(rs[:2])
		}
		tb.SetFilter("~e")
		press(tb, "/")
		uitest.CheckSizes(t, view)
		tb.SetRows(nil)
		uitest.CheckSizes(t, view)
	}
}

func TestTableActions(t *testing.T) {
	t.Parallel()
	if bad := ui.Conflicts(table(1, 20, 5).Actions()); bad != nil {
		t.Error(bad)
	}
	if bad := ui.Conflicts(ui.NewViewer(uitest.Plain()).Actions()); bad != nil {
		t.Error(bad)
	}
}

func BenchmarkTable(b *testing.B) {
	for _, cached := range []bool{true, false} {
		b.Run(fmt.Sprintf("cached=%v", cached), func(b *testing.B) {
			tb := ui.NewTable(uitest.Styles(themes.Dark(), termenv.TrueColor, false), columns())
			tb.SetSize(200, 50)
			rs := rows(200)
			if !cached {
				for i := range rs {
					rs[i].Version = 0
				}
			}
			tb.SetRows(rs)
			b.ReportAllocs()
			for b.Loop() {
				tb.Lines()
			}
		})
	}
}

func TestFilterKeepsTheStemOfATree(t *testing.T) {
	t.Parallel()
	tab := ui.NewTable(uitest.Plain(), []ui.Column[string]{{ID: "name", Title: "NAME", Filter: true, Cell: func(s string) ui.Cell { return ui.Cell{Text: s} }}})
	var rows []ui.Row[string]
	for _, r := range [][2]string{{"a", ""}, {"ab", "a"}, {"abc", "ab"}, {"abd", "ab"}, {"x", ""}, {"xy", "x"}} {
		rows = append(rows, ui.Row[string]{ID: r[0], Parent: r[1], Value: "-" + r[0] + "-"})
	}
	tab.SetRows(rows)
	tab.SetSize(30, 10)
	tab.SetFilter("-abd-")
	v := strings.Join(tab.Lines(), "\n")
	for name, want := range map[string]bool{"-a-": true, "-ab-": true, "-abd-": true, "-abc-": false, "-x-": false} {
		if strings.Contains(strings.ReplaceAll(v, "/-abd-", ""), name) != want {
			t.Errorf("%s is shown: %v\n%s", name, !want, v)
		}
	}
	if all, shown := tab.Len(); all != 6 || shown != 1 {
		t.Errorf("%d of %d match", shown, all)
	}
}
