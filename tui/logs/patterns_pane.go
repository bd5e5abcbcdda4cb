package logs

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// moment is a point in time with what happened then.
type moment struct {
	key  int64
	what string
}

// patternRow is a pattern as the table shows it.
type patternRow struct {
	pattern
	fresh bool // first seen after the moment
	rate  float64
}

// patternsPane lists the templates of the lines that are shown, those first that are new.
type patternsPane struct {
	s       *Screen
	table   *ui.Table[patternRow]
	mining  *mining
	ctx     context.Context //nolint:containedctx // ends with the pane
	cancel  context.CancelFunc
	moments []moment
	moment  int // index of the one that news is counted from
	fresh   int
	stale   bool // the rows are older than the patterns
}

func (s *Screen) openPatterns() tea.Cmd {
	p := s.newPatterns()
	p.ctx, p.cancel = context.WithCancel(s.ctx)
	p.moments = s.moments()
	s.show(p)
	return p.again()
}

func (s *Screen) newPatterns() *patternsPane {
	p := &patternsPane{s: s}
	p.table = ui.NewTable(s.deps.Styles, s.patternColumns())
	return p
}

// moments are what lines can be new since: the last line the reader drew, when one of the sources was
// started last, and some minutes.
func (s *Screen) moments() []moment {
	var out []moment
	b := s.list.buf
	ruler := func(_ uint64, kind lineKind) bool { return kind == kindRuler }
	if l, ok := b.at(b.nextWhere(b.End(), -1, ruler)); ok {
		out = append(out, moment{l.key, "the line you drew"})
	}
	if at, what := s.lastStart(); !at.IsZero() {
		out = append(out, moment{at.UnixNano(), "the start of " + what})
	}
	for _, d := range [...]time.Duration{5 * time.Minute, 15 * time.Minute, time.Hour} {
		out = append(out, moment{s.now.Add(-d).UnixNano(), ui.Age(d) + " ago"})
	}
	return out
}

// lastStart is when the container or unit of a source was started last: where a deploy shows.
func (s *Screen) lastStart() (at time.Time, what string) {
	look := func(t time.Time, host, name string) {
		if t.After(at) {
			at, what = t, ui.Clean(host)+"/"+ui.Clean(name)
		}
	}
	for i := range s.list.buf.sources {
		src := &s.list.buf.sources[i]
		h := s.snap.Host(src.Host)
		if h == nil {
			continue
		}
		for k := range h.Containers.Value {
			if c := &h.Containers.Value[k]; src.Kind == hosts.LogContainer && c.Name == src.Name {
				look(c.Started, src.Host, c.Name)
			}
		}
		for k := range h.Units.Value {
			if u := &h.Units.Value[k]; src.Kind == hosts.LogUnit && u.Name == src.Name && u.Active == "active" {
				look(u.Since, src.Host, strings.TrimSuffix(u.Name, ".service"))
			}
		}
	}
	return at, what
}

// again begins anew, after what is shown has changed.
func (p *patternsPane) again() tea.Cmd {
	p.s.scans++
	p.mining = newMining(p.s.scans, p.s.pred, p.s.list.buf)
	return p.next()
}

func (p *patternsPane) next() tea.Cmd { return p.mining.next(p.ctx, p.s.id, p.s.list.buf) }

// taken brings a piece of the patterns.
func (p *patternsPane) taken(m patternedMsg) tea.Cmd {
	if m.gen != p.mining.gen {
		return nil
	}
	p.mining.take(m)
	p.stale = true
	cmd := p.next()
	if cmd == nil || len(p.mining.set) < 200 {
		p.refresh()
	}
	return cmd
}

func (p *patternsPane) tick() tea.Cmd {
	if p.mining.pred != p.s.pred || p.mining.epoch != p.s.list.buf.epoch {
		return p.again()
	}
	if p.stale {
		p.refresh()
	}
	return p.next()
}

// refresh makes the rows: new ones first, then by their number.
func (p *patternsPane) refresh() {
	p.stale = false
	since := p.since()
	list := make([]patternRow, 0, len(p.mining.set))
	newest := int64(0)
	for _, x := range p.mining.set {
		newest = max(newest, x.last)
	}
	p.fresh = 0
	for _, x := range p.mining.set {
		r := patternRow{pattern: *x, fresh: since.key != 0 && x.first >= since.key}
		if span := time.Duration(newest - x.first); span > 0 {
			r.rate = float64(x.n) / max(1, span.Minutes())
		}
		p.fresh += b2i(r.fresh)
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b patternRow) int {
		if a.fresh != b.fresh {
			return b2i(b.fresh) - b2i(a.fresh)
		}
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.template, b.template))
	})
	rows := make([]ui.Row[patternRow], len(list))
	for i := range list {
		rows[i] = ui.Row[patternRow]{ID: list[i].template, Value: list[i]}
	}
	p.table.SetRows(rows)
}

func (p *patternsPane) since() moment {
	if p.moment < len(p.moments) {
		return p.moments[p.moment]
	}
	return moment{}
}

func (s *Screen) patternColumns() []ui.Column[patternRow] {
	g := &s.deps.Styles.Glyphs
	clock := func(key int64) string {
		text, _, _ := strings.Cut(s.rangeText(key-key%1e9, key-key%1e9+1e9), " to ")
		return text
	}
	return []ui.Column[patternRow]{
		{
			ID: "new", Title: "new", Min: 3, Max: 3,
			Cell: func(r patternRow) ui.Cell {
				if !r.fresh {
					return ui.Cell{}
				}
				return ui.Cell{Text: "new", Role: themes.Accent}
			},
			Compare: func(a, b patternRow) int { return b2i(a.fresh) - b2i(b.fresh) }, Desc: true,
		},
		{
			ID: "lines", Title: "lines", Min: 5, Max: 11, Right: true, Desc: true,
			Cell:    func(r patternRow) ui.Cell { return ui.Cell{Text: commas(r.n)} },
			Compare: func(a, b patternRow) int { return cmp.Compare(a.n, b.n) },
		},
		{
			ID: "rate", Title: "a min", Min: 5, Max: 8, Priority: 3, Right: true, Desc: true,
			Cell:    func(r patternRow) ui.Cell { return ui.Cell{Text: rateText(r.rate), Role: themes.Muted} },
			Compare: func(a, b patternRow) int { return cmp.Compare(a.rate, b.rate) },
		},
		{
			ID: "first", Title: "first", Min: 8, Max: 12, Priority: 2, Desc: true,
			Cell:    func(r patternRow) ui.Cell { return ui.Cell{Text: clock(r.first), Role: themes.Faint} },
			Compare: func(a, b patternRow) int { return cmp.Compare(a.first, b.first) },
		},
		{
			ID: "last", Title: "last", Min: 8, Max: 12, Priority: 4, Desc: true,
			Cell:    func(r patternRow) ui.Cell { return ui.Cell{Text: clock(r.last), Role: themes.Faint} },
			Compare: func(a, b patternRow) int { return cmp.Compare(a.last, b.last) },
		},
		{
			ID: "level", Title: "level", Min: 5, Max: 6, Priority: 6, Filter: true, Desc: true,
			Cell:    func(r patternRow) ui.Cell { return ui.Cell{Text: r.level.String(), Role: levelRole(r.level)} },
			Compare: func(a, b patternRow) int { return cmp.Compare(a.level, b.level) },
		},
		{
			ID: "source", Title: "source", Min: 8, Max: 24, Priority: 7, Filter: true, Cut: ui.CutMiddle,
			Cell: func(r patternRow) ui.Cell {
				if r.several {
					return ui.Cell{Text: "several", Role: themes.Muted}
				}
				if r.source < 0 || int(r.source) >= len(s.list.buf.sources) {
					return ui.Cell{}
				}
				return ui.Cell{Text: sourceName(s.list.buf.sources[r.source].LogSource), Role: themes.Source(int(r.source))}
			},
		},
		{
			ID: "pattern", Title: "pattern", Min: 24, Ease: 60, Priority: 1, Grow: true, Filter: true,
			Cell: func(r patternRow) ui.Cell {
				return ui.Cell{Text: ui.Clean(r.shown(g.Ellipsis)), Role: levelRole(r.level)}
			},
		},
	}
}

func (p *patternsPane) actions() []ui.Action {
	selected := func(run func(*pattern) tea.Cmd) func() tea.Cmd {
		return func() tea.Cmd {
			r, ok := p.table.Selected()
			if !ok {
				return nil
			}
			return run(&r.Value.pattern)
		}
	}
	act := func(id, title string, run func() tea.Cmd, keys ...string) ui.Action {
		return ui.Act("logs.patterns."+id, "Patterns", title, run, keys...)
	}
	list := []ui.Action{
		act("filter", "only these lines", selected(func(x *pattern) tea.Cmd { return p.only("", x) }), "enter"),
		act("exclude", "leave these lines out", selected(func(x *pattern) tea.Cmd { return p.only("!", x) }), "F"),
		act("since", "new since when", p.nextMoment, "T"),
		act("copy", "copy the pattern", selected(func(x *pattern) tea.Cmd {
			return ui.Copy(p.s.deps, "the pattern", ui.Clean(x.shown("*")))
		}), "y"),
	}
	for _, a := range p.table.Actions() {
		if a.ID != "list.mark" && a.ID != "list.mark_all" {
			list = append(list, a)
		}
	}
	return list
}

// only filters the log by a pattern; what is filtered already stays where lines are left out.
func (p *patternsPane) only(not string, x *pattern) tea.Cmd {
	if strings.Trim(x.template, " "+string(rune(hole))) == "" {
		return ui.Toast(hosts.LevelInfo, "lines of this pattern have no text in common")
	}
	s := p.s
	cond := not + x.filterText()
	if s.filter.text != "" {
		cond = s.filter.text + " " + cond
	}
	s.filter.set(cond)
	if not == "" {
		s.closePane()
		return s.rescan()
	}
	return tea.Batch(s.rescan(), p.again())
}

func (p *patternsPane) nextMoment() tea.Cmd {
	if len(p.moments) > 0 {
		p.moment = (p.moment + 1) % len(p.moments)
	}
	p.refresh()
	return nil
}

func (p *patternsPane) frame() ui.Frame {
	f := ui.Frame{Title: "Patterns", Focus: true, Footer: "enter only these · F without these · T new since when · / filters · esc closes"}
	var note []string
	if !p.mining.done(p.s.list.buf) {
		note = append(note, "reading, "+lineCount(p.mining.lines)+" so far")
	}
	all, _ := p.table.Len()
	note = append(note, strconv.Itoa(all)+" of "+lineCount(p.mining.lines))
	if m := p.since(); m.key != 0 {
		note = append(note, strconv.Itoa(p.fresh)+" new since "+m.what)
	}
	f.Note = strings.Join(note, ", ")
	return f
}

func (p *patternsPane) setStyles(st *themes.Styles) { p.table.SetStyles(st) }
func (p *patternsPane) setSize(w, h int)            { p.table.SetSize(w, h) }
func (p *patternsPane) wants() int                  { return 1 << 10 }
func (p *patternsPane) lines() []string             { return p.table.Lines() }
func (p *patternsPane) capturing() bool             { return p.table.Capturing() }
func (p *patternsPane) back() bool                  { return p.table.Back() }
func (p *patternsPane) close()                      { p.cancel() }

func (p *patternsPane) key(m tea.KeyMsg) tea.Cmd {
	p.table.Key(m)
	return nil
}

func (p *patternsPane) mouse(m tea.MouseMsg, x, y int) tea.Cmd {
	if p.table.Mouse(m, x, y) {
		if r, ok := p.table.Selected(); ok {
			return p.only("", &r.Value.pattern)
		}
	}
	return nil
}

var _ otherPane = (*patternsPane)(nil)
