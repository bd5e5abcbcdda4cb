package findings

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/checks"
	"midwatch/checks/report"
	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

func itoa(n int) string { return strconv.Itoa(n) }

// Screen lists what the checks have found on the fleet, and shows the evidence for one of them.
type Screen struct {
	*ui.Listing[*item]
	memory   *Memory
	unknowns bool // show what could not be told
	muted    bool
	counted  string
	rowsOf   *checks.Report // what list was made of
	list     []*item
}

// What "b" turns through.
const (
	bySeverity = iota
	byHost
	byArea
	flat
)

// New returns the screen that open asks for: Host narrows it to some hosts, Object opens the details of
// a finding, of the first finding of a check, or about an object.
func New(d ui.Deps, open ui.OpenMsg, m *Memory) *Screen {
	s := &Screen{memory: m, unknowns: true}
	s.Listing = ui.NewListing(ui.ListingParams[*item]{
		Deps: d, Open: open, ID: "checks", Title: "Checks", Noun: "finding",
		Topics: []hosts.Topic{
			hosts.TopicUnits, hosts.TopicRoutes, hosts.TopicServices, hosts.TopicProbes, hosts.TopicDatabases, hosts.TopicSymptoms, hosts.TopicPorts,
		},
		Columns:   columns(func() *themes.Glyphs { return &s.Deps.Styles.Glyphs }, func() time.Time { return s.Now }),
		Groupings: []string{"severity", "host", "area", "nothing"},
		GroupCell: func(g string, items []*item) ui.Cell {
			return ui.Cell{Text: g + "  " + itoa(len(items)), Role: themes.Title}
		},
		Rows:    s.rows,
		Trouble: func(it *item) bool { return !it.unknown() && it.f.Mute == nil && it.f.Severity >= checks.Error },
		Is:      (*item).is,
		Details: func(it *item, p *ui.Page) { details(it, m, s.Snap, s.Now, p) },
		Name:    func(it *item) string { return it.host() + " / " + ui.Clean(it.f.Object) },
		Age:     func(it *item) (string, bool) { return evidenceAge(it.f, s.Now) },
		Heading: func() string { return s.counted },
		Note:    s.note, Empty: s.empty, Actions: s.actions,
	})
	s.Table.SortBy("severity", true)
	s.Rebuild()
	return s
}

// Init asks the checks at once.
func (s *Screen) Init() tea.Cmd {
	return tea.Batch(s.Listing.Init(), s.memory.ask(s.Snap, s.Deps.Now(), false))
}

func (s *Screen) rows() []ui.Row[*item] {
	if s.rowsOf != s.memory.report || s.list == nil {
		s.list, s.rowsOf = s.items(), s.memory.report
	}
	out := make([]ui.Row[*item], 0, len(s.list))
	for _, it := range s.list {
		out = append(out, ui.Row[*item]{ID: it.id, Group: s.group(it), Version: version(it, s.Now), Value: it})
	}
	return out
}

// version changes when the row is drawn in another way: with its report, and with the minute.
func version(it *item, now time.Time) uint64 {
	v := uint64(it.rank())<<56 ^ uint64(len(it.under))<<48
	if it.fresh {
		v ^= 1 << 47
	}
	for _, c := range it.f.Title {
		v = v*31 + uint64(c)
	}
	return v ^ uint64(now.Sub(it.since)/time.Minute)
}

func (s *Screen) group(it *item) string {
	switch s.Grouping {
	case bySeverity:
		_, word, _ := it.look(&s.Deps.Styles.Glyphs)
		return word
	case byHost:
		return it.host()
	case byArea:
		if it.check != nil {
			return string(it.check.Area)
		}
	}
	return ""
}

func columns(g func() *themes.Glyphs, now func() time.Time) []ui.Column[*item] {
	return []ui.Column[*item]{
		{
			ID: "severity", Title: "severity", Min: 11, Max: 11, Filter: true, Desc: true,
			Cell: func(it *item) ui.Cell {
				glyph, word, role := it.look(g())
				return ui.Cell{Text: word, Role: role, Glyph: glyph, GlyphRole: role}
			},
			Compare: func(a, b *item) int { return cmp.Compare(a.rank(), b.rank()) },
		},
		{
			ID: "host", Title: "host", Min: 6, Max: 18, Filter: true, Cut: ui.CutMiddle,
			Cell:    func(it *item) ui.Cell { return ui.Cell{Text: it.host(), Role: themes.Muted} },
			Compare: func(a, b *item) int { return strings.Compare(a.f.Host, b.f.Host) },
		},
		{
			ID: "what", Title: "what", Min: 24, Max: 60, Grow: true, Filter: true,
			Cell: func(it *item) ui.Cell {
				text := ui.Clean(it.f.Title)
				if n := len(it.waiting); n > 1 {
					text = ui.Count(n, "check") + " wait: " + text
				}
				if n := len(it.under); n > 0 {
					text += fmt.Sprintf(" (+%d it causes)", n)
				}
				role := themes.Text
				if it.unknown() || it.f.Mute != nil {
					role = themes.Muted
				}
				return ui.Cell{Text: text, Role: role}
			},
			Compare: func(a, b *item) int { return strings.Compare(a.f.Title, b.f.Title) },
		},
		{
			ID: "where", Title: "where", Min: 18, Max: 56, Priority: 2, Filter: true, Cut: ui.CutStart, Optional: true,
			Cell:    func(it *item) ui.Cell { return ui.Cell{Text: it.where(), Role: themes.Muted} },
			Compare: func(a, b *item) int { return strings.Compare(a.where(), b.where()) },
		},
		{
			ID: "check", Title: "check", Min: 12, Max: 36, Priority: 5, Filter: true, Optional: true, Cut: ui.CutMiddle,
			Cell:    func(it *item) ui.Cell { return ui.Cell{Text: it.f.Check, Role: themes.Faint} },
			Compare: func(a, b *item) int { return strings.Compare(a.f.Check, b.f.Check) },
		},
		{
			ID: "since", Title: "seen", Min: 5, Max: 7, Priority: 4, Right: true,
			Cell: func(it *item) ui.Cell {
				switch {
				case it.since.IsZero():
					return ui.Cell{}
				case it.fresh:
					return ui.Cell{Text: "new " + ui.Age(now().Sub(it.since)), Role: themes.Accent}
				}
				return ui.Cell{Text: ui.Age(now().Sub(it.since)), Role: themes.Faint}
			},
			Compare: func(a, b *item) int { return a.since.Compare(b.since) },
		},
	}
}

func counted(found []*item, unknown, muted, fresh int) string {
	n := map[checks.Severity]int{}
	for _, it := range found {
		n[it.f.Severity]++
	}
	var parts []string
	for sev := checks.Critical; sev >= checks.Info; sev-- {
		if n[sev] > 0 {
			parts = append(parts, itoa(n[sev])+" "+sev.String())
		}
	}
	if len(parts) == 0 {
		parts = append(parts, "no findings")
	}
	if fresh > 0 {
		parts = append(parts, itoa(fresh)+" new")
	}
	if unknown > 0 {
		parts = append(parts, itoa(unknown)+" unknown")
	}
	if muted > 0 {
		parts = append(parts, itoa(muted)+" muted")
	}
	return strings.Join(parts, " · ")
}

// Show asks the checks more often while the screen is on display.
func (s *Screen) Show(visible bool) tea.Cmd {
	s.memory.watched = visible
	return tea.Batch(s.Listing.Show(visible), s.memory.ask(s.Snap, s.Deps.Now(), false))
}

// Update takes what the root hands on.
func (s *Screen) Update(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case ranMsg:
		if s.memory.take(m, s.Deps.Now()) {
			s.list = nil
			s.Rebuild()
		}
		return s.memory.ask(s.Snap, s.Deps.Now(), false)
	case ui.SnapshotMsg, ui.TickMsg:
		return tea.Batch(s.Listing.Update(msg), s.memory.ask(s.Snap, s.Deps.Now(), false))
	case ui.ThemeChangedMsg:
		s.list = nil
	}
	return s.Listing.Update(msg)
}

func (s *Screen) note() (string, bool) {
	m := s.memory
	switch {
	case m.report == nil:
		return "", false
	case m.running:
		return "checking", false
	}
	return "checked " + ui.Age(s.Now.Sub(m.at)) + " ago", s.Now.Sub(m.at) > time.Minute
}

func (s *Screen) empty() ui.Notice {
	st := s.Deps.Styles
	switch host := s.OneHost(); {
	case len(s.Snap.Hosts) == 0 || s.memory.report == nil:
		return ui.Loading(st, "checks")
	case host != "" && s.Snap.Host(host) == nil:
		return ui.Failed(st, "checks", "no host "+ui.Clean(host)+" in the inventory", "")
	}
	return ui.Empty(st, "no findings", "every check that could be answered says that all is well")
}

func (s *Screen) actions() []ui.Action {
	none := func() string {
		if _, ok := s.Table.Selected(); !ok {
			return "no finding is selected"
		}
		return ""
	}
	act := func(id, title string, run func(*item) tea.Cmd, keys ...string) ui.Action {
		a := ui.Act("checks."+id, "Finding", title, func() tea.Cmd {
			r, _ := s.Table.Selected()
			return run(r.Value)
		}, keys...)
		a.Disabled = none
		return a
	}
	hide := func(a ui.Action) ui.Action { a.Hidden = true; return a }
	var mends []ui.Action
	if s.memory.Plan != nil {
		mends = append(mends, act("mend", "plan the mend", func(it *item) tea.Cmd { return s.memory.planMend(it.f) }, "x"))
	}
	return append(mends, []ui.Action{
		act("open", "go there", s.openTarget, "o"),
		act("logs", "logs", s.openLogs, "l"),
		act("copy", "copy as Markdown", func(it *item) tea.Cmd { return ui.Copy(s.Deps, "the finding", report.Copy(it.f)) }, "y"),
		act("guide", "guide", s.openGuide, "d"),
		ui.Act("checks.rerun", "Show", "check again", func() tea.Cmd { return s.memory.ask(s.Snap, s.Deps.Now(), true) }, "R"),
		hide(ui.Act("checks.unknown", "Show", "what could not be told, or not", func() tea.Cmd { s.unknowns = !s.unknowns; s.list = nil; s.Rebuild(); return nil }, "u")),
		hide(ui.Act("checks.muted", "Show", "muted findings, or not", func() tea.Cmd { s.muted = !s.muted; s.list = nil; s.Rebuild(); return nil }, "m")),
	}...)
}

func (s *Screen) openTarget(it *item) tea.Cmd {
	if m, ok := target(it.f); ok {
		return ui.Open(m)
	}
	return ui.Toast(hosts.LevelInfo, "no screen shows "+ui.Clean(it.f.Object))
}

func (s *Screen) openLogs(it *item) tea.Cmd {
	src, ok := logsOf(it.f, s.Snap)
	if !ok {
		return ui.Toast(hosts.LevelInfo, ui.Clean(it.f.Object)+" has no log of its own")
	}
	return ui.Open(ui.OpenMsg{Screen: "logs", Host: src.Host, Logs: &hosts.LogQuery{Sources: []hosts.LogSource{src}, Follow: true}})
}

// openGuide opens the first diagnosis that the finding's check belongs to.
func (s *Screen) openGuide(it *item) tea.Cmd {
	if it.check == nil || len(it.check.Diagnoses) == 0 {
		return ui.Toast(hosts.LevelInfo, "no guide asks about this")
	}
	return ui.Open(ui.OpenMsg{Screen: "guide", Host: s.Open.Host, Object: it.check.Diagnoses[0]})
}

var (
	_ ui.Screen = (*Screen)(nil)
	_ ui.Backer = (*Screen)(nil)
	_ ui.Shower = (*Screen)(nil)
)
