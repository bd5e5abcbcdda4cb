package runs

import (
	"slices"
	"strings"
	"time"

	"midwatch/ops/deploy"
	"midwatch/ops/run"
	"midwatch/themes"
	"midwatch/tui/ui"
)

func (it *item) lastStart() time.Time {
	if it.over == nil || it.over.Last == nil {
		return time.Time{}
	}
	return it.over.Last.Started
}

// details writes a deploy: what runs where, the last run, the lock, and the definition.
func (s *Deploys) details(it *item, p *ui.Page) {
	g := &p.Styles().Glyphs
	if it.fault != "" {
		p.Line(themes.Bad, g.Bad+" "+it.fault)
		p.Line(themes.Muted, "the file is not a deploy until this is mended; r reads it again")
		return
	}
	p.Field("about", it.about(), themes.Text)
	p.Field("environment", it.env(), themes.Text)
	if it.def != nil {
		p.Field("file", it.def.File, themes.Muted)
	} else {
		p.Field("file", "none here: only its targets know this deploy", themes.Warn)
	}
	switch {
	case it.over != nil:
		overviewDetails(it.over, s.Now, p)
	case it.unk != "":
		p.Head("What runs where", "unknown", true)
		p.Line(themes.Unknown, g.Unknown+" "+it.unk)
	default:
		p.Head("What runs where", "reading", false)
		p.Line(themes.Muted, g.Pending+" reading the targets")
	}
	if it.def != nil {
		definitionDetails(it.def, p)
	}
}

// overviewDetails draws the skew matrix: host by host what runs, and what should.
func overviewDetails(o *run.Overview, now time.Time, p *ui.Page) {
	g := &p.Styles().Glyphs
	for _, f := range o.Faults {
		p.Line(themes.Bad, g.Bad+" "+oneLine(f))
	}
	p.Head("What runs where", ui.Count(len(o.Hosts), "host"), false)
	if len(o.Hosts) == 0 {
		p.Line(themes.Muted, "no host is a target")
	} else {
		rows := [][]ui.Cell{{{Text: "host"}, {Text: "state"}, {Text: "runs"}, {Text: "wanted"}, {Text: "since"}, {Text: "by run"}}}
		for i := range o.Hosts {
			h := &o.Hosts[i]
			l := skewLook(g, h)
			runs := ui.Cell{Text: release(h.Release)}
			if h.Release == "" {
				runs = ui.Cell{Text: "unknown", Role: themes.Unknown}
			}
			rows = append(rows, []ui.Cell{
				{Text: h.Host, Role: themes.Strong},
				l.cell(), runs,
				{Text: release(h.Wanted), Role: themes.Muted},
				{Text: ui.AgeOf(h.At, now), Role: themes.Muted},
				{Text: h.Run, Role: themes.Faint},
			})
		}
		p.Grid(rows)
	}
	for i := range o.Hosts {
		h := &o.Hosts[i]
		if h.Err != "" {
			p.Line(themes.Unknown, g.Unknown+" "+h.Host+": "+oneLine(h.Err))
		}
		for _, d := range h.Detail {
			p.Line(themes.Muted, "  "+h.Host+": "+oneLine(d))
		}
	}
	if l := o.Last; l != nil {
		ph := runLook(g, l)
		p.Head("Last run", ui.AgeOf(l.Started, now)+" ago", false)
		p.Line(ph.role, ph.glyph+" "+ph.word+" "+ui.Clean(l.ID))
		p.Field("note", oneLine(l.Note), themes.Text)
		p.Field("by", who(l), themes.Muted)
		p.Field("reason", oneLine(l.Reason), themes.Muted)
	}
	if l := o.Lock; l != nil {
		held := lockLook(g, l)
		p.Head("Lock", ui.Age(l.Since)+" old", l.State == "stale")
		p.Line(held.role, held.glyph+" "+held.word+" on "+ui.Clean(l.Host))
		p.Field("reason", oneLine(l.Reason), themes.Text)
		p.Field("run", ui.Clean(l.Run), themes.Muted)
		p.Field("last sign", ui.Age(l.Beat)+" ago, by the target's clock", themes.Muted)
	}
}

// who is the operator and the machine of a run.
func who(st *run.State) string {
	return strings.Trim(ui.Clean(st.Who)+" from "+ui.Clean(st.From), " ")
}

// definitionDetails lists what the file says.
func definitionDetails(d *deploy.Definition, p *ui.Page) {
	p.Head("Targets", "", false)
	for _, n := range sortedKeys(d.Targets) {
		t := d.Targets[n]
		text := strings.Join(t.Hosts, ", ")
		if len(t.Groups) > 0 {
			text = strings.TrimLeft(text+", group "+strings.Join(t.Groups, ", group "), ", ")
		}
		p.Field(n, text, themes.Text)
	}
	p.Head("Steps", ui.Count(len(d.Steps), "step"), false)
	rows := [][]ui.Cell{{{Text: "step"}, {Text: "kind"}, {Text: "on"}, {Text: "what"}}}
	for i := range d.Steps {
		rows = append(rows, stepRows(&d.Steps[i], "")...)
	}
	p.Grid(rows)
	if len(d.Secrets) > 0 {
		p.Head("Secrets", "by source; their values are nowhere here", false)
		for _, n := range sortedKeys(d.Secrets) {
			p.Field(n, "from "+d.Secrets[n].From, themes.Muted)
		}
	}
}

func stepRows(s *deploy.Step, indent string) [][]ui.Cell {
	on := s.On
	if s.Local || on == "" {
		on = "here"
	}
	what := s.Title
	if s.Gate {
		what = strings.TrimLeft("gate "+what, " ")
	}
	out := [][]ui.Cell{{{Text: indent + s.ID, Role: themes.Strong}, {Text: s.Kind, Role: themes.Muted}, {Text: on, Role: themes.Muted}, {Text: what}}}
	for i := range s.Steps {
		out = append(out, stepRows(&s.Steps[i], indent+"  ")...)
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
