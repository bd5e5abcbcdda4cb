package ui

import (
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/themes"
)

// ListingParams say what a Listing lists. Deps, ID, Title, Noun, Columns, Rows and Details must be
// set.
type ListingParams[T any] struct {
	Deps    Deps
	Open    OpenMsg
	ID      string // "services": begins the IDs of its actions
	Title   string // "Services"
	Noun    string // "service": what one row is
	Topics  []hosts.Topic
	Columns []Column[T]
	// GroupCell is the heading of a group.
	GroupCell func(group string, rows []T) Cell
	// Groupings name what "b" turns through; Rows reads Listing.Grouping.
	Groupings []string
	// Rows makes the rows of Snap at Now, in their natural order.
	Rows func() []Row[T]
	// Trouble says which rows "only problems" keeps.
	Trouble func(T) bool
	// Is says whether a row is the object that OpenMsg names.
	Is func(v T, object string) bool
	// Details writes what is known of a row; Age is the note of its frame.
	Details func(v T, p *Page)
	Name    func(v T) string
	Age     func(v T) (note string, stale bool)
	// Heading counts what there is; Note is how old it is.
	Heading func() string
	Note    func() (note string, stale bool)
	Empty   func() Notice
	// Actions are the screen's own; they stand before those of every listing.
	Actions func() []Action
	// Refresh reads again what the rows are made of, where that is not the facts of hosts.
	Refresh func() tea.Cmd
}

// Listing is the body of a screen that lists things and shows the details of the selected one:
// beside the list where the terminal is wide, below it where it is high, and over it on demand. A
// screen embeds it and says what its rows are.
type Listing[T any] struct {
	ListingParams[T]
	Table    *Table[T]
	Snap     *hosts.Snapshot
	Now      time.Time
	Grouping int

	w, h    int
	only    bool // show only what is in trouble
	left    int  // rows that leaves out
	full    bool // the details have the whole screen
	opened  bool // and were asked for with the screen
	hidden  bool // the details are not wanted beside the list
	pane    *Viewer
	of      string // the row the pane shows
	drawn   bool   // and shows as it is now
	wanted  string // the object the screen was opened for, while it has not come
	release []func()
}

// NewListing returns a listing with the rows of the fleet's snapshot.
func NewListing[T any](p ListingParams[T]) *Listing[T] {
	if p.Deps.Now == nil || p.Deps.Styles == nil || p.Rows == nil || p.Details == nil {
		panic(p.ID + ": Deps without a clock or styles, or a listing without rows or details")
	}
	l := &Listing[T]{ListingParams: p, Snap: &hosts.Snapshot{}, Now: p.Deps.Now(), wanted: p.Open.Object, pane: NewViewer(p.Deps.Styles)}
	l.Table = NewTable(p.Deps.Styles, p.Columns)
	l.Table.GroupCell = p.GroupCell
	l.Table.GroupsFollow = true // what is in trouble is seen at once, whatever its group
	if p.Deps.Fleet != nil {
		l.Snap = p.Deps.Fleet.Snapshot()
	}
	return l
}

// Init selects the object the screen was opened for.
func (l *Listing[T]) Init() tea.Cmd {
	l.Rebuild()
	if l.Open.Object != "" && !l.seek() && !l.reading() {
		l.wanted = ""
		return Toast(hosts.LevelWarn, "no "+l.Noun+" "+Clean(l.Open.Object)+l.where()+" now")
	}
	return nil
}

func (l *Listing[T]) where() string {
	if l.Open.Host == "" {
		return ""
	}
	return " on " + l.Hosts()
}

// Hosts writes what the screen is narrowed to.
func (l *Listing[T]) Hosts() string { return Clean(strings.ReplaceAll(l.Open.Host, ",", ", ")) }

// reading says that nobody has answered yet.
func (l *Listing[T]) reading() bool {
	all, _ := l.Table.Len()
	return all == 0
}

// seek puts the cursor on the object that is wanted and opens its details.
func (l *Listing[T]) seek() bool {
	if l.wanted == "" || l.Is == nil {
		return false
	}
	for _, r := range l.Table.rows {
		if l.Is(r.Value, l.wanted) && l.Table.Select(r.ID) {
			l.wanted, l.full, l.opened = "", true, true
			l.fit()
			return true
		}
	}
	return false
}

// Rebuild makes the rows anew.
func (l *Listing[T]) Rebuild() {
	rows := l.Rows()
	l.left = 0
	if l.only && l.Trouble != nil {
		kept := rows[:0]
		for _, r := range rows {
			if l.Trouble(r.Value) {
				kept = append(kept, r)
			} else {
				l.left++
			}
		}
		rows = kept
	}
	l.Table.SetRows(rows)
	l.drawn = false
	if l.Empty != nil {
		l.Table.Empty = l.Empty()
	}
	if l.only && l.left > 0 {
		st := l.Deps.Styles
		l.Table.Empty = Notice{Role: themes.OK, Glyph: st.Glyphs.OK, Title: "no " + l.Noun + " is in trouble", Hint: Count(l.left, l.Noun) + " left out; e shows all of them again"}
	}
}

// Update takes what the root hands on.
func (l *Listing[T]) Update(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case tea.KeyMsg:
		l.wanted = ""
		l.Table.Key(m)
		l.drawn = false
	case tea.MouseMsg:
		return l.mouse(m)
	case SnapshotMsg:
		l.Snap = m.Snapshot
		l.Rebuild()
		l.seek()
	case TickMsg:
		l.Now = m.At
		l.Rebuild()
	case ThemeChangedMsg:
		l.Deps.Styles = m.Styles
		l.Table.SetStyles(m.Styles)
		l.pane.SetStyles(m.Styles)
		l.Rebuild()
	}
	return nil
}

func (l *Listing[T]) mouse(m tea.MouseMsg) tea.Cmd {
	l.wanted = ""
	r := l.rects()
	if r.paneW > 0 && m.X >= r.paneX && m.Y >= r.paneY {
		l.pane.Mouse(m)
		return nil
	}
	if l.Table.Mouse(m, m.X-1, m.Y-1) {
		return l.enter()
	}
	l.drawn = false
	return nil
}

// enter opens the details, or folds the group under the cursor.
func (l *Listing[T]) enter() tea.Cmd {
	l.wanted = ""
	if _, ok := l.Table.Selected(); !ok {
		if g, ok := l.Table.SelectedGroup(); ok {
			l.Table.ToggleGroup(g)
			return nil
		}
		return Toast(hosts.LevelInfo, "no "+l.Noun+" is selected")
	}
	l.full, l.opened = true, false
	l.fit()
	return nil
}

// Full reports that the details have the whole screen.
func (l *Listing[T]) Full() bool { return l.full }

// Picked are the rows an action is for: the one in the details, the marked ones, the one under the
// cursor, or all of a heading's.
func (l *Listing[T]) Picked() []Row[T] {
	if l.full {
		if r, ok := l.Table.Selected(); ok {
			return []Row[T]{r}
		}
		return nil
	}
	return l.Table.Chosen()
}

// Actions are the screen's own, then those of every listing.
func (l *Listing[T]) Actions() []Action {
	var list []Action
	hide := func(a Action) Action { a.Hidden = true; return a }
	id := func(s string) string { return l.ID + "." + s }
	if !l.full {
		list = append(list, Act(id("details"), Capital(l.Noun), "details", l.enter, "enter"))
	}
	if l.ListingParams.Actions != nil {
		list = append(list, l.ListingParams.Actions()...)
	}
	if l.Refresh != nil {
		list = append(list, hide(Act(id("refresh"), "Show", "read again", l.Refresh, "r")))
	} else {
		list = append(list, hide(Act(id("refresh"), "Show", "refresh the host", l.refresh, "r")))
	}
	if l.full {
		return append(list, sideways(l.pane.Actions())...)
	}
	if l.Trouble != nil {
		title := "only problems"
		if l.only {
			title = "show all"
		}
		list = append(list, Act(id("trouble"), "Show", title, func() tea.Cmd { l.only = !l.only; l.Rebuild(); return nil }, "e"))
	}
	if n := len(l.Groupings); n > 1 {
		next := (l.Grouping + 1) % n
		list = append(list, Act(id("group"), "Show", "by "+l.Groupings[next], func() tea.Cmd { l.Grouping = next; l.Rebuild(); return nil }, "b"))
	}
	list = append(list,
		hide(Act(id("pane"), "Show", "show or hide the details beside", func() tea.Cmd { l.hidden = !l.hidden; l.fit(); return nil }, "v")),
		hide(Act(id("pane_down"), "Show", "details down", func() tea.Cmd { l.pane.ScrollBy(wheelRows, 0); return nil }, "J", "ctrl+d")),
		hide(Act(id("pane_up"), "Show", "details up", func() tea.Cmd { l.pane.ScrollBy(-wheelRows, 0); return nil }, "K", "ctrl+u")),
	)
	return append(list, l.Table.Actions()...)
}

// PaneActions are those of the details.
func (l *Listing[T]) PaneActions() [][]Action {
	was := l.full
	l.full = true
	list := l.Actions()
	l.full = was
	return [][]Action{list}
}

// sideways leaves only the arrows for moving sideways: h and l mean something else on a listing.
func sideways(list []Action) []Action {
	for i := range list {
		switch list[i].ID {
		case "view.left":
			list[i].SetKeys("left")
		case "view.right":
			list[i].SetKeys("right")
		}
	}
	return list
}

func (l *Listing[T]) refresh() tea.Cmd {
	if l.Deps.Fleet == nil {
		return Toast(hosts.LevelWarn, "there is no live fleet to refresh")
	}
	l.Deps.Fleet.Refresh(l.OneHost())
	if h := l.OneHost(); h != "" {
		return Toast(hosts.LevelInfo, "refreshing "+Clean(h))
	}
	return Toast(hosts.LevelInfo, "refreshing all hosts")
}

// OneHost is the host the screen is narrowed to, "" when it shows several.
func (l *Listing[T]) OneHost() string {
	if strings.Contains(l.Open.Host, ",") {
		return ""
	}
	return l.Open.Host
}

// Show watches what is expensive to keep fresh only while it is seen.
func (l *Listing[T]) Show(visible bool) tea.Cmd {
	for _, r := range l.release {
		r()
	}
	l.release = nil
	if visible && l.Deps.Fleet != nil {
		for _, t := range l.Topics {
			l.release = append(l.release, l.Deps.Fleet.Watch(t))
		}
	}
	return nil
}

// Capturing reports that the filter is being typed.
func (l *Listing[T]) Capturing() bool { return !l.full && l.Table.Capturing() }

// Back leaves the details, then the filter, the marks and what is narrowed.
func (l *Listing[T]) Back() bool {
	switch {
	case l.full && l.opened:
		l.full = false
		l.fit()
		return false // opened for the details only: leave it altogether
	case l.full:
		l.full = false
		l.fit()
	case l.Table.Back():
		l.drawn = false
	case l.only:
		l.only = false
		l.Rebuild()
	default:
		return false
	}
	return true
}

// Close ends what the screen watches.
func (l *Listing[T]) Close() { l.Show(false) }
