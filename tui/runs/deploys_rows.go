package runs

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"midwatch/ops/run"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// faultLines takes an error that joins others apart, a line each.
func faultLines(err error) []string {
	if err == nil {
		return nil
	}
	if j, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // only an error that is a list itself is taken apart
		var out []string
		for _, e := range j.Unwrap() {
			out = append(out, faultLines(e)...)
		}
		return out
	}
	var out []string
	for l := range strings.Lines(err.Error()) {
		if l = oneLine(l); l != "" {
			out = append(out, l)
		}
	}
	return out
}

// besides are the lines of err that known does not hold; nil when there are none.
func besides(err, known error) error {
	lines := faultLines(known)
	var left []error
	for _, l := range faultLines(err) {
		if !slices.Contains(lines, l) {
			left = append(left, errors.New(l))
		}
	}
	return errors.Join(left...)
}

func sortedOverviews(m map[string]*run.Overview) []*run.Overview {
	out := make([]*run.Overview, 0, len(m))
	for _, o := range m {
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b *run.Overview) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// rank orders rows by how much they need somebody.
func (it *item) rank() int {
	switch {
	case it.fault != "":
		return 9
	case it.over == nil:
		return 1
	case len(it.over.Faults) > 0:
		return 8
	case it.over.Last != nil && attentive(it.over.Last.Phase):
		return 7
	}
	worst := 0
	for i := range it.over.Hosts {
		switch h := &it.over.Hosts[i]; {
		case h.Err == "" && h.Skew == "ok":
		case h.Err != "" || h.Skew == "unknown" || h.Skew == "":
			worst = max(worst, 2)
		default:
			worst = max(worst, 3)
		}
	}
	return worst
}

// attentive reports a state of a run that somebody must do something about.
func attentive(p run.Phase) bool {
	switch p {
	case run.AwaitingApproval, run.Failure, run.Interrupted, run.RollbackFailed, run.Paused:
		return true
	}
	return false
}

func (it *item) look(g *themes.Glyphs) look {
	switch it.rank() {
	case 9, 8:
		return look{g.Bad, "faults", themes.Bad}
	case 7:
		return phaseLook(g, it.over.Last.Phase)
	case 3:
		return look{g.Warn, "skew", themes.Warn}
	case 2:
		return look{g.Unknown, "unknown", themes.Unknown}
	case 1:
		if it.unk != "" {
			return look{g.Unknown, "unknown", themes.Unknown}
		}
		return look{g.Pending, "reading", themes.Muted}
	}
	return look{g.OK, "ok", themes.OK}
}

// title is the deploy, or the name of the file that is none.
func (it *item) title() string {
	if it.fault == "" {
		return ui.Clean(it.name)
	}
	file, _, _ := strings.Cut(it.fault, ":")
	return file[strings.LastIndexByte(file, '/')+1:]
}

// env is the environment as the definition or the targets have it.
func (it *item) env() string {
	switch {
	case it.def != nil && it.def.Env != "":
		return ui.Clean(it.def.Env)
	case it.over != nil:
		return ui.Clean(it.over.Env)
	}
	return ""
}

func (it *item) about() string {
	switch {
	case it.def != nil && it.def.About != "":
		return oneLine(it.def.About)
	case it.over != nil:
		return oneLine(it.over.About)
	}
	return ""
}

// release is how a host's version is written: an image id without its algorithm and end.
func release(r string) string {
	r = ui.Clean(r)
	if rest, ok := strings.CutPrefix(r, "sha256:"); ok {
		return ui.Slice(rest, 0, min(12, ui.Width(rest)))
	}
	return r
}

// versions sums up what runs: each version with how many hosts have it, most first.
func (it *item) versions(g *themes.Glyphs) ui.Cell {
	if it.fault != "" {
		_, text, _ := strings.Cut(it.fault, ":")
		return ui.Cell{Text: text, Role: themes.Bad}
	}
	if it.over == nil {
		if it.unk != "" {
			return ui.Cell{Text: "unknown", Role: themes.Unknown, Glyph: g.Unknown, GlyphRole: themes.Unknown}
		}
		return ui.Cell{Text: "reading", Role: themes.Faint}
	}
	n := map[string]int{}
	var names []string
	for i := range it.over.Hosts {
		r := release(it.over.Hosts[i].Release)
		if r == "" {
			r = "unknown"
		}
		if n[r] == 0 {
			names = append(names, r)
		}
		n[r]++
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(n[b], n[a]) })
	for i, r := range names {
		if n[r] > 1 || len(names) > 1 {
			names[i] = r + " x" + itoa(n[r])
		}
	}
	role := themes.Text
	if len(names) > 1 {
		role = themes.Warn
	}
	if len(names) == 0 {
		return ui.Cell{Text: "no hosts", Role: themes.Faint}
	}
	return ui.Cell{Text: strings.Join(names, ", "), Role: role}
}

func deployColumns(s *Deploys) []ui.Column[*item] {
	g := func() *themes.Glyphs { return &s.d.Styles.Glyphs }
	return []ui.Column[*item]{
		{
			ID: "deploy", Title: "deploy", Min: 14, Max: 32, Filter: true, Cut: ui.CutMiddle,
			Cell: func(it *item) ui.Cell {
				l := it.look(g())
				return ui.Cell{Text: it.title(), Role: themes.Strong, Glyph: l.glyph, GlyphRole: l.role}
			},
			Compare: func(a, b *item) int { return strings.Compare(a.name, b.name) },
		},
		{
			ID: "state", Title: "state", Min: 9, Max: 16, Filter: true, Desc: true,
			Cell: func(it *item) ui.Cell {
				l := it.look(g())
				return ui.Cell{Text: l.word, Role: l.role}
			},
			Compare: func(a, b *item) int { return cmp.Compare(a.rank(), b.rank()) },
		},
		{
			ID: "runs", Title: "runs", Min: 12, Max: 70, Ease: 24, Priority: 1, Filter: true, Grow: true,
			Cell: func(it *item) ui.Cell { return it.versions(g()) },
		},
		{
			ID: "last", Title: "last run", Min: 16, Max: 30, Priority: 2, Filter: true, Desc: true,
			Cell: func(it *item) ui.Cell {
				if it.fault != "" || it.over == nil {
					return ui.Cell{}
				}
				if it.over.Last == nil {
					return ui.Cell{Text: "never", Role: themes.Faint}
				}
				c := runLook(g(), it.over.Last).cell()
				c.Text += " " + ui.AgeOf(it.over.Last.Started, s.Now)
				return c
			},
			Compare: func(a, b *item) int { return a.lastStart().Compare(b.lastStart()) },
		},
		{
			ID: "lock", Title: "lock", Min: 8, Max: 26, Priority: 3, Filter: true, Optional: true,
			Cell: func(it *item) ui.Cell {
				if it.over == nil || it.over.Lock == nil {
					return ui.Cell{}
				}
				return lockLook(g(), it.over.Lock).cell()
			},
		},
		{
			ID: "env", Title: "env", Min: 6, Max: 14, Priority: 6, Filter: true, Optional: true,
			Cell:    func(it *item) ui.Cell { return ui.Cell{Text: it.env(), Role: themes.Muted} },
			Compare: func(a, b *item) int { return strings.Compare(a.env(), b.env()) },
		},
		{
			ID: "about", Title: "about", Min: 14, Priority: 5, Grow: true, Filter: true,
			Cell: func(it *item) ui.Cell { return ui.Cell{Text: it.about(), Role: themes.Muted} },
		},
	}
}
