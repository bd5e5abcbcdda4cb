package runs

import (
	"slices"
	"strings"

	"midwatch/ops/run"
	"midwatch/ops/step"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// split is where the way back begins in w cells: forward has a little more room.
func split(w int) (forward, back int) {
	forward = w * 11 / 20
	return forward, max(0, w-forward-1)
}

func (s *Plan) columnTitles(w int) string {
	st := s.d.Styles
	f, b := split(max(0, w-gutter))
	left, right := "FORWARD", "BACK"
	switch {
	case s.undo:
		return paint(&st.Normal, w, seg{themes.Faint, "  WHAT IS TAKEN BACK, IN THIS ORDER"})
	case s.backward:
		return paint(&st.Normal, w, seg{themes.Faint, "  THE WAY BACK, AS IT WOULD BE TAKEN (b shows both)"})
	}
	return paint(&st.Normal, w, seg{themes.Faint, "  " + ui.Fit(left, f) + " " + ui.Fit(right, b)})
}

// both draws what goes forward beside what goes back.
func both(fwd, back []seg) func(*themes.Palette, int) string {
	return func(pal *themes.Palette, w int) string {
		f, b := split(w)
		return paint(pal, f, fwd...) + pal.Render(themes.Text, " ") + paint(pal, b, back...)
	}
}

// across draws over the whole width.
func across(segs ...seg) func(*themes.Palette, int) string {
	return func(pal *themes.Palette, w int) string { return paint(pal, w, segs...) }
}

// ref is what a line belongs to, for actions on it.
func ref(stepID, host string) string { return stepID + "\x00" + host }

// parts takes a ref apart.
func parts(of string) (stepID, host string) {
	stepID, host, _ = strings.Cut(of, "\x00")
	return stepID, host
}

// planRows builds the lines of a plan.
type planRows struct {
	st   *themes.Styles
	open func(key string, def bool) bool
	undo bool // of a rollback: what it does is the way back, and there is none from it
	out  []line
}

// both draws what goes forward beside what goes back; of a rollback there is one of them.
func (r *planRows) both(fwd, back []seg) func(*themes.Palette, int) string {
	if r.undo {
		return across(append(append([]seg{}, fwd...), back...)...)
	}
	return both(fwd, back)
}

func (r *planRows) add(l line) { r.out = append(r.out, l) }

// rows makes the lines anew.
func (s *Plan) rows() {
	if s.plan == nil {
		return
	}
	r := &planRows{st: s.d.Styles, open: s.out.isOpen, undo: s.undo}
	r.notes("lock", locksOf(s.plan), themes.Warn, s.d.Styles.Glyphs.Locked)
	r.notes("fault", s.plan.Faults, themes.Bad, s.d.Styles.Glyphs.Bad)
	r.notes("warning", s.plan.Warnings, themes.Warn, s.d.Styles.Glyphs.Warn)
	r.notes("consent", s.plan.Consent, themes.Warn, s.d.Styles.Glyphs.Mark)
	if s.backward {
		for i := range slices.Backward(s.plan.Steps) {
			r.backStep(&s.plan.Steps[i])
		}
		if len(s.plan.Steps) == 0 {
			r.add(line{key: "none", draw: across(seg{themes.Muted, "nothing to take back"})})
		}
	} else {
		r.forward(s.plan)
	}
	s.out.set(r.out)
	s.fit()
}

// locksOf are the locks that somebody holds; free ones need no line.
func locksOf(p *run.Plan) []string {
	var out []string
	for _, l := range p.Lock {
		if l = oneLine(l); l != "" && l != "free" && !strings.HasSuffix(l, ": free") {
			out = append(out, l)
		}
	}
	return out
}

// notes writes what stands before the steps.
func (r *planRows) notes(kind string, lines []string, role themes.Role, glyph string) {
	for i, l := range lines {
		r.add(line{key: kind + itoa(i), draw: across(seg{role, glyph + " " + kind + ": "}, seg{themes.Text, oneLine(l)})})
	}
}

func (r *planRows) forward(p *run.Plan) {
	phase, crossed := "", false
	for i := range p.Steps {
		st := &p.Steps[i]
		if st.NoReturn && !crossed {
			crossed = true
			r.add(line{key: "no return", draw: func(pal *themes.Palette, w int) string {
				return rule(r.st, pal, w, themes.Bad, r.st.Glyphs.Warn+" point of no return")
			}})
		}
		if st.Phase != phase {
			phase = st.Phase
			if phase != "" {
				r.add(line{key: "phase " + phase + itoa(i), draw: across(seg{themes.Title, ui.Clean(phase)})})
			}
		}
		r.step(st, i)
	}
	if len(p.Steps) == 0 {
		r.add(line{key: "none", draw: across(seg{themes.Muted, "no step is to be done"})})
	}
}

// step writes a step with its hosts; a fleet of many hosts begins closed where nothing on it needs a look.
func (r *planRows) step(st *run.PlanStep, n int) {
	g := &r.st.Glyphs
	key := "step " + st.ID
	of := ref(st.ID, "")
	const many = 8
	open := r.open(key, len(st.Hosts) <= many || needsLook(st))
	fold := g.Closed
	if open {
		fold = g.Open
	}
	if len(st.Hosts) == 0 {
		fold = " "
	}
	indent := ""
	if st.Group != "" {
		indent = "  "
	}
	fwd := []seg{{themes.Faint, indent + fold + " " + itoa(n+1) + " "}, {themes.Strong, name(st.ID, st.Title)}, {themes.Muted, " " + ui.Clean(st.Kind)}}
	if st.Gate {
		fwd = append(fwd, seg{themes.Accent, " must pass"})
	}
	if st.Usual > 0 {
		fwd = append(fwd, seg{themes.Faint, " ~" + ui.Countdown(st.Usual)})
	}
	if st.Skip != "" {
		fwd = append(fwd, seg{themes.Muted, " " + g.Stopped + " skipped: " + oneLine(st.Skip)})
	}
	r.add(line{key: key, of: of, fold: key, open: open, draw: r.both(append(fwd, seg{themes.Text, "  "}), stepBack(g, st))})
	if !open {
		return
	}
	for i := range st.Hosts {
		r.host(st, &st.Hosts[i], indent)
	}
}

func needsLook(st *run.PlanStep) bool {
	for i := range st.Hosts {
		if h := &st.Hosts[i]; h.Err != "" || len(h.Change.Asks) > 0 {
			return true
		}
	}
	return false
}

// stepBack sums up the ways back of a step's hosts: the worst is said.
func stepBack(g *themes.Glyphs, st *run.PlanStep) []seg {
	if len(st.Hosts) == 0 {
		return nil
	}
	worst := step.BackNone
	for i := range st.Hosts {
		if h := &st.Hosts[i]; h.Err != "" || h.Change.Unknown && h.Change.Back == step.BackNone {
			return []seg{{themes.Unknown, g.Unknown + " not known"}}
		}
		worst = max(worst, weightOfWay(st.Hosts[i].Change.Back))
	}
	l := wayLook(g, wayOfWeight(worst))
	return []seg{{l.role, l.glyph + " " + l.word}}
}

// The ways back by how bad they are: one by hand is better than none.
func waysByWeight() []step.Way {
	return []step.Way{step.BackNone, step.BackReversible, step.BackCompensating, step.BackManual, step.BackIrreversible}
}

func weightOfWay(w step.Way) step.Way {
	return step.Way(max(0, slices.Index(waysByWeight(), w)))
}

func wayOfWeight(n step.Way) step.Way { return waysByWeight()[n] }

// host writes what a step would change on a host, beside how that is taken back.
func (r *planRows) host(st *run.PlanStep, h *run.PlanHost, indent string) {
	g := &r.st.Glyphs
	c := &h.Change
	key, of := "host "+st.ID+" "+h.Host, ref(st.ID, h.Host)
	left, right := changeLines(g, h), backLines(g, h)
	if r.undo {
		right = nil // it is what the lines say already
	}
	for i := range max(len(left), len(right)) {
		head := indent + "    "
		if i == 0 {
			head += hostName(h.Host) + "  "
		} else {
			head += ui.Spaces(min(20, ui.Width(hostName(h.Host))+2))
		}
		role := themes.Muted
		fwd := []seg{{role, head}}
		if i < len(left) {
			fwd = append(fwd, left[i])
		}
		var back []seg
		if i < len(right) {
			back = []seg{right[i]}
		}
		r.add(line{key: key + " " + itoa(i), of: of, draw: r.both(fwd, back)})
	}
	for i, a := range c.Asks {
		r.add(line{key: key + " ask " + itoa(i), of: of, draw: across(seg{themes.Warn, indent + "    " + g.Warn + " asks for consent: " + oneLine(a)})})
	}
	for i := range c.Detail {
		r.detail(&c.Detail[i], key+" detail "+itoa(i), of, indent)
	}
}

// changeLines say what would change; what is not known is called so.
func changeLines(g *themes.Glyphs, h *run.PlanHost) []seg {
	c := &h.Change
	if h.Err != "" {
		return []seg{{themes.Unknown, g.Unknown + " unknown: " + oneLine(h.Err)}}
	}
	var out []seg
	if c.Unknown {
		out = append(out, seg{themes.Unknown, g.Unknown + " effect unknown" + takes(c)})
	}
	if c.Nothing {
		out = append(out, seg{themes.Faint, "= no change"})
	}
	for _, l := range c.Lines {
		t := ""
		if len(out) == 0 {
			t = takes(c)
		}
		out = append(out, seg{themes.Text, oneLine(l) + t})
	}
	if len(out) == 0 {
		out = append(out, seg{themes.Unknown, g.Unknown + " nothing is said of what it changes"})
	}
	return out
}

func takes(c *step.Change) string {
	if c.Takes <= 0 {
		return ""
	}
	return "  ~" + ui.Countdown(c.Takes)
}

// backLines say how a change is taken back. What is not known is never called nothing.
func backLines(g *themes.Glyphs, h *run.PlanHost) []seg {
	c := &h.Change
	switch {
	case h.Err != "":
		return []seg{{themes.Unknown, "  " + g.Unknown + " not known"}}
	case c.Unknown && c.Back == step.BackNone && len(c.BackLines) == 0:
		return []seg{{themes.Warn, "  " + g.Warn + " no way back is declared"}}
	}
	l := wayLook(g, c.Back)
	if len(c.BackLines) == 0 {
		return []seg{{l.role, "  " + l.glyph + " " + l.word}}
	}
	out := make([]seg, 0, len(c.BackLines))
	for i, b := range c.BackLines {
		glyph := " "
		if i == 0 {
			glyph = l.glyph
		}
		role := themes.Text
		if c.Back == step.BackIrreversible || c.Back == step.BackManual {
			role = l.role
		}
		out = append(out, seg{role, "  " + glyph + " " + oneLine(b)})
	}
	return out
}

// detail writes the heading of a diff or a list, and its text when it is open.
func (r *planRows) detail(d *step.Detail, key, of, indent string) {
	g := &r.st.Glyphs
	lines := strings.Split(strings.TrimRight(d.Text, "\n"), "\n")
	open := r.open(key, false)
	fold := g.Closed
	if open {
		fold = g.Open
	}
	count := ui.Count(len(lines), "line")
	if d.Diff {
		plus, minus := diffCount(lines)
		count = "+" + itoa(plus) + " -" + itoa(minus)
	}
	r.add(line{key: key, of: of, fold: key, open: open, draw: across(
		seg{themes.Accent, indent + "      " + fold + " "}, seg{themes.Text, oneLine(d.Title)}, seg{themes.Muted, "  " + count})})
	if !open {
		return
	}
	for i, l := range lines {
		role := themes.Text
		if d.Diff {
			role = diffRole(l)
		}
		text := ui.Clean(strings.ReplaceAll(l, "\t", "    "))
		r.add(line{key: key + " line " + itoa(i), of: of, draw: across(seg{themes.Faint, indent + "        "}, seg{role, text})})
	}
}

func diffCount(lines []string) (plus, minus int) {
	for _, l := range lines {
		switch {
		case strings.HasPrefix(l, "+++"), strings.HasPrefix(l, "---"):
		case strings.HasPrefix(l, "+"):
			plus++
		case strings.HasPrefix(l, "-"):
			minus++
		}
	}
	return plus, minus
}

func diffRole(l string) themes.Role {
	switch {
	case strings.HasPrefix(l, "+"):
		return themes.OK
	case strings.HasPrefix(l, "-"):
		return themes.Bad
	case strings.HasPrefix(l, "@@"):
		return themes.Info
	}
	return themes.Muted
}

// backStep writes a step of the way back alone.
func (r *planRows) backStep(st *run.PlanStep) {
	g := &r.st.Glyphs
	if st.Skip != "" {
		return
	}
	r.add(line{key: "back " + st.ID, of: ref(st.ID, ""), draw: across(append([]seg{{themes.Strong, name(st.ID, st.Title)}, {themes.Muted, " " + ui.Clean(st.Kind) + "  "}}, stepBack(g, st)...)...)})
	for i := range slices.Backward(st.Hosts) {
		h := &st.Hosts[i]
		for j, b := range backLines(g, h) {
			head := "    " + ui.Spaces(min(20, ui.Width(hostName(h.Host))))
			if j == 0 {
				head = "    " + hostName(h.Host)
			}
			r.add(line{key: "back " + st.ID + " " + h.Host + " " + itoa(j), of: ref(st.ID, h.Host), draw: across(seg{themes.Muted, head}, b)})
		}
	}
}
