package logs

import (
	"cmp"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// candidate is something that writes a log, or the reason why a host's are not known.
type candidate struct {
	src    hosts.LogSource
	state  string
	role   themes.Role
	glyph  string
	detail string
	none   bool // not a source: says why there is none
}

// picker chooses sources from the fleet.
type picker struct {
	table   *ui.Table[candidate]
	actions []ui.Action
	w, h    int
}

func (s *Screen) openPicker() {
	p := &picker{table: ui.NewTable(s.deps.Styles, pickerColumns())}
	p.actions = s.pickerActions(p)
	p.refresh(s)
	s.picker = p
	p.setSize(s.w, s.h)
}

func (s *Screen) pickerActions(p *picker) []ui.Action {
	follow := ui.Act("logs.pick.follow", "Sources", "follow the marked ones", s.pick, "enter")
	return append([]ui.Action{follow}, p.table.Actions()...)
}

// addSources opens the choice with the present sources still running.
func (s *Screen) addSources() tea.Cmd {
	s.closePane()
	s.openPicker()
	return nil
}

func (p *picker) setSize(w, h int) {
	p.w, p.h = w, h
	p.table.SetSize(max(0, w-ui.FrameW), max(0, h-ui.FrameH))
}

// refresh takes the candidates of the newest snapshot.
func (p *picker) refresh(s *Screen) {
	p.table.SetRows(candidates(s.snap, s.deps.Styles, s.from))
	p.table.Empty = ui.Empty(s.deps.Styles, "no host has a log yet", "hosts are listed when they have answered")
}

// pick follows what is marked, or the row under the cursor. When the present sources are followed
// already they stay, and the marked ones are added to them.
func (s *Screen) pick() tea.Cmd {
	q := hosts.LogQuery{Follow: true}
	if s.feed.state != feedNone {
		q = s.feed.query
		q.Follow = true
	}
	have := map[hosts.LogSource]bool{}
	for _, src := range q.Sources {
		have[src] = true
	}
	sources := append([]hosts.LogSource(nil), q.Sources...)
	why := ""
	for _, r := range s.picker.table.Chosen() {
		if r.Value.none {
			why = r.Value.state + ": " + r.Value.detail
			continue
		}
		if !have[r.Value.src] {
			have[r.Value.src] = true
			sources = append(sources, r.Value.src)
		}
	}
	if len(sources) == len(q.Sources) {
		if why == "" {
			why = "mark sources with space first"
		}
		return ui.Toast(hosts.LevelWarn, why)
	}
	q.Sources = sources
	s.picker = nil
	return s.start(q)
}

// candidates lists what writes logs, host by host: containers, then units, then the whole journal, then what
// the console itself knows.
func candidates(snap *hosts.Snapshot, st *themes.Styles, open ui.OpenMsg) []ui.Row[candidate] {
	var rows []ui.Row[candidate]
	if snap == nil {
		return nil
	}
	for _, h := range snap.Hosts {
		if open.Narrows(h.Host.Name) {
			continue
		}
		away := h.Link.State != hosts.StateConnected
		add := func(c candidate) {
			c.src.Host = h.Host.Name
			if away && !c.none {
				c.role, c.glyph = themes.Warn, st.Glyphs.Stale
				c.detail = strings.TrimPrefix(c.detail+", host "+h.Link.State.String(), ", ")
			}
			rows = append(rows, ui.Row[candidate]{ID: c.src.Key() + " " + c.state, Group: ui.Clean(h.Host.Name), Value: c})
		}
		unknown := func(what string, p hosts.Standing, reason string) {
			if p == hosts.Unasked {
				reason = "not read yet"
			}
			add(candidate{none: true, state: what + " unknown", role: themes.Muted, glyph: st.Glyphs.Unknown, detail: ui.Clean(reason)})
		}
		if !h.Containers.Known() {
			unknown("containers", h.Containers.Standing(), h.Containers.Reason)
		}
		for i := range h.Containers.Value {
			c := &h.Containers.Value[i]
			role, glyph := stateLook(st, c.State == "running", c.State == "restarting" || c.State == "dead")
			add(candidate{src: hosts.LogSource{Kind: hosts.LogContainer, Name: c.Name}, state: c.State, role: role, glyph: glyph, detail: ui.Clean(c.Image)})
		}
		own := func() {
			add(candidate{src: hosts.LogSource{Kind: hosts.LogEvents}, state: "events", role: themes.Muted, glyph: st.Glyphs.Info, detail: "what happened there, as the Timeline has it"})
			if len(h.Probes.Value) > 0 {
				add(candidate{src: hosts.LogSource{Kind: hosts.LogProbes}, state: "probes", role: themes.Muted, glyph: st.Glyphs.Info, detail: ui.Count(len(h.Probes.Value), "probe") + ", each answer a line"})
			}
		}
		if h.Host.Kind == hosts.KindDocker {
			own()
			continue // an engine without a machine has no journal
		}
		if !h.Units.Known() {
			unknown("units", h.Units.Standing(), h.Units.Reason)
		}
		for i := range h.Units.Value {
			u := &h.Units.Value[i]
			if !strings.HasSuffix(u.Name, ".service") {
				continue // sockets, timers and targets write next to nothing
			}
			role, glyph := stateLook(st, u.Active == "active", u.Active == "failed")
			add(candidate{src: hosts.LogSource{Kind: hosts.LogUnit, Name: u.Name}, state: u.Active, role: role, glyph: glyph, detail: ui.Clean(u.Description)})
		}
		if h.Units.Known() {
			add(candidate{src: hosts.LogSource{Kind: hosts.LogJournal}, state: "journal", role: themes.Muted, glyph: st.Glyphs.Info, detail: "everything the host's journal gets"})
		}
		own()
	}
	return rows
}

func stateLook(st *themes.Styles, up, bad bool) (themes.Role, string) {
	switch {
	case bad:
		return themes.Bad, st.Glyphs.Bad
	case up:
		return themes.OK, st.Glyphs.Running
	}
	return themes.Muted, st.Glyphs.Stopped
}

func pickerColumns() []ui.Column[candidate] {
	name := func(c candidate) string {
		if c.none {
			return c.state
		}
		return sourceName(c.src)
	}
	return []ui.Column[candidate]{
		{
			ID: "source", Title: "source", Min: 14, Max: 44, Filter: true, Cut: ui.CutMiddle,
			Cell: func(c candidate) ui.Cell {
				if c.none {
					return ui.Cell{Text: name(c), Role: c.role, Glyph: c.glyph, GlyphRole: c.role}
				}
				return ui.Cell{Text: name(c)}
			},
			Compare: func(a, b candidate) int { return strings.Compare(name(a), name(b)) },
		},
		{
			ID: "host", Title: "host", Min: 6, Max: 20, Priority: 5, Filter: true, Cut: ui.CutMiddle,
			Cell:    func(c candidate) ui.Cell { return ui.Cell{Text: ui.Clean(c.src.Host), Role: themes.Muted} },
			Compare: func(a, b candidate) int { return strings.Compare(a.src.Host, b.src.Host) },
		},
		{
			ID: "kind", Title: "kind", Min: 4, Max: 9, Priority: 3, Filter: true,
			Cell: func(c candidate) ui.Cell {
				if c.none {
					return ui.Cell{}
				}
				return ui.Cell{Text: c.src.Kind.String(), Role: themes.Muted}
			},
			Compare: func(a, b candidate) int { return cmp.Compare(a.src.Kind, b.src.Kind) },
		},
		{
			ID: "state", Title: "state", Min: 8, Max: 14, Priority: 1, Filter: true,
			Cell: func(c candidate) ui.Cell {
				if c.none {
					return ui.Cell{}
				}
				return ui.Cell{Text: ui.Clean(c.state), Role: c.role, Glyph: c.glyph, GlyphRole: c.role}
			},
			Compare: func(a, b candidate) int { return strings.Compare(a.state, b.state) },
		},
		{
			ID: "what", Title: "what", Min: 10, Priority: 4, Grow: true, Filter: true,
			Cell: func(c candidate) ui.Cell { return ui.Cell{Text: c.detail, Role: themes.Faint} },
		},
	}
}

// lines draws the choice.
func (p *picker) lines(st *themes.Styles, w, h int) []string {
	f := ui.Frame{Title: "Follow which logs?", Focus: true, Footer: "space marks · / filters, ~ fuzzily · enter follows"}
	if n := p.table.Marks(); n > 0 {
		f.Note = ui.Count(n, "source") + " marked"
	}
	return f.Lines(st, w, h, p.table.Lines())
}

// mousePicker gives a mouse event to the choice; a click on the selected row follows it.
func (s *Screen) mousePicker(m tea.MouseMsg) tea.Cmd {
	if s.picker.table.Mouse(m, m.X-1, m.Y-1) {
		return s.pick()
	}
	return nil
}
