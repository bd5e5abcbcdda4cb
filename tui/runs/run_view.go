package runs

import (
	"strings"
	"time"

	"midwatch/ops/run"
	"midwatch/ops/step"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// runRects are the parts of the screen of a run; a part of height 0 is not there.
type runRects struct {
	headH        int
	listW, listH int
	paneX, paneY int
	paneW, paneH int
	askY, askH   int // what the run asks, or the answer that is given
}

const (
	runHead = 3
	// runWide is where the output stands beside the steps, and runTall where it stands below them.
	runWide, runTall = 140, 18
)

// layoutRun divides w by h cells; ask is how many lines a question wants.
func layoutRun(w, h, ask int, full, hidden bool) runRects {
	r := runRects{headH: runHead}
	if h < runTall {
		r.headH = 1
	}
	left := h - r.headH
	if ask > 0 {
		r.askH = min(ask+ui.FrameH, max(ui.FrameH+2, left*3/5))
		r.askH = min(r.askH, left)
		r.askY = h - r.askH
		left -= r.askH
	}
	switch {
	case left <= 0:
	case full:
		r.paneY, r.paneW, r.paneH = r.headH, w, left
	case hidden:
		r.listW, r.listH = w, left
	case w >= runWide:
		pane := w * 9 / 20
		r.listW, r.listH = w-pane, left
		r.paneX, r.paneY, r.paneW, r.paneH = w-pane, r.headH, pane, left
	case left >= runTall-runHead:
		pane := left * 2 / 5
		r.listW, r.listH = w, left-pane
		r.paneY, r.paneW, r.paneH = r.headH+left-pane, w, pane
	default:
		r.listW, r.listH = w, left
	}
	return r
}

func (s *Run) rects() runRects {
	return layoutRun(s.w, s.h, len(s.askLines(max(1, s.w-ui.FrameW-2), s.h)), s.full, s.hidden)
}

// SetSize gives the screen its cells.
func (s *Run) SetSize(w, h int) {
	s.w, s.h = w, h
	s.fit()
}

func (s *Run) fit() {
	r := s.rects()
	if r.listH > 0 {
		s.out.setSize(max(0, r.listW-ui.FrameW), max(0, r.listH-ui.FrameH))
	}
	end := s.pane.AtEnd()
	s.pane.SetSize(max(0, r.paneW-ui.FrameW-2), max(0, r.paneH-ui.FrameH))
	if end && !s.details {
		s.pane.ScrollBy(s.pane.Len(), 0)
	}
	if s.details {
		s.drawPane()
	}
}

// View draws the screen.
func (s *Run) View() string {
	if s.w < minW || s.h < minH {
		return ui.TooSmall(s.w, s.h, minW, minH)
	}
	st := s.d.Styles
	if n, ok := s.notice(); ok {
		f := ui.Frame{Title: "Run " + ui.Clean(s.id), Focus: true}
		return ui.Join(f.Lines(st, s.w, s.h, n.Lines(st, s.w-ui.FrameW, s.h-ui.FrameH)), s.w, s.h)
	}
	r := s.rects()
	lines := s.head(s.w)[:r.headH]
	var list, pane []string
	if r.listH > 0 {
		f := ui.Frame{Title: s.listTitle(), Focus: !s.full, Footer: s.out.position()}
		f.Note, f.Stale = s.beat()
		list = f.Lines(st, r.listW, r.listH, s.out.view())
	}
	if r.paneH > 0 {
		pane = s.paneFrame(r)
	}
	if r.paneX > 0 {
		lines = append(lines, ui.Beside(list, pane)...)
	} else {
		lines = append(append(lines, list...), pane...)
	}
	if r.askH > 0 {
		lines = append(lines, s.askFrame(r)...)
	}
	return ui.Join(lines, s.w, s.h)
}

// notice stands in place of a run of which nothing is known yet.
func (s *Run) notice() (ui.Notice, bool) {
	st := s.d.Styles
	switch {
	case s.d.Service == nil:
		return ui.Empty(st, "no runs here", s.d.Why), true
	case s.known:
		return ui.Notice{}, false
	case s.fault != nil:
		n := ui.Failed(st, "run "+ui.Clean(s.id), oneLine(s.fault.Error()), "")
		n.Hint += "; it is tried again"
		return n, true
	}
	return ui.Loading(st, "run "+ui.Clean(s.id)), true
}

// head are the three lines above the steps: how the run stands, whose it is, and what comes next. The
// first alone must do on a small terminal.
func (s *Run) head(w int) []string {
	st := s.d.Styles
	pal := &st.Normal
	g := &st.Glyphs
	sep := " " + g.Separator + " "
	l := runLook(g, &s.state)
	if s.fault != nil {
		l = look{g.Stale, l.word + " as of " + ui.AgeOf(s.at, s.now) + " ago", themes.Warn}
	}
	first := []seg{{themes.Text, " "}, {l.role, l.glyph + " " + l.word}, {themes.Strong, "  " + ui.Clean(s.state.Deploy)}}
	if s.state.Env != "" {
		first = append(first, seg{themes.Muted, " " + ui.Clean(s.state.Env)})
	}
	if s.state.Kind == kindRollback {
		first = append(first, seg{themes.Warn, " rollback of " + ui.Clean(s.state.Parent)})
	}
	if s.verb != "" {
		first = append(first, seg{themes.Info, "  " + g.Pending + " telling it to " + s.verb})
	}
	if n := oneLine(s.state.Note); n != "" {
		first = append(first, seg{l.role, "  " + n})
	}
	second := who(&s.state)
	for _, x := range []string{s.span(), oneLine(s.state.Reason), badText(s.state.Bad), list(s.state.Warnings, ", ")} {
		if x != "" {
			second += sep + x
		}
	}
	if s.fault != nil {
		text := "link lost: " + oneLine(s.fault.Error())
		if !s.state.Phase.Ended() {
			text += "; jobs on the hosts go on"
		}
		return []string{paint(pal, w, first...), paint(pal, w, seg{themes.Text, " "}, seg{themes.Warn, text}), s.nextLine(w)}
	}
	return []string{paint(pal, w, first...), paint(pal, w, seg{themes.Text, " "}, seg{themes.Muted, second}), s.nextLine(w)}
}

func badText(bad string) string {
	if bad == "" {
		return ""
	}
	return "left behind as bad: " + ui.Clean(bad)
}

// span is when the run was and how long it has taken.
func (s *Run) span() string {
	if s.state.Started.IsZero() {
		return ""
	}
	text := "since " + s.state.Started.In(s.now.Location()).Format(time.TimeOnly)
	if !s.state.Ended.IsZero() {
		text = s.state.Started.In(s.now.Location()).Format("2006-01-02 15:04:05")
	}
	return text + ", " + ui.Countdown(took(s.state.Started, s.state.Ended, s.seen()).Truncate(time.Second))
}

// quiet is how long a run may show no sign before that is said.
const quiet = 30 * time.Second

// beat says when whoever drives the run last showed a sign.
func (s *Run) beat() (string, bool) {
	done := 0
	for i := range s.state.Steps {
		if p := s.state.Steps[i].State; !live(p) && p != run.StepPending {
			done++
		}
	}
	text := itoa(done) + " of " + ui.Count(len(s.state.Steps), "step")
	if s.fault != nil {
		return text + ", stale " + ui.AgeOf(s.at, s.now), true
	}
	if age := s.now.Sub(s.state.Beat); !s.state.Phase.Ended() && !s.state.Beat.IsZero() && age >= quiet {
		return text + ", no sign of who drives it for " + ui.Age(age), true
	}
	return text, false
}

// nextLine says what goes on or comes next, and how it would be undone; of an ended run, what can be done.
func (s *Run) nextLine(w int) string {
	st := s.d.Styles
	g := &st.Glyphs
	pal := &st.Normal
	say := func(segs ...seg) string { return paint(pal, w, append([]seg{{themes.Text, " "}}, segs...)...) }
	if bad := s.failed(); bad != nil {
		switch s.state.Phase {
		case run.Failure, run.RollbackFailed, run.Interrupted, run.Cancelled:
			l := stepLook(g, bad.State)
			return say(seg{l.role, l.glyph + " " + name(bad.ID, bad.Title) + " " + l.word}, seg{themes.Text, after(bad.Line)}, seg{themes.Muted, "  " + s.ways()})
		}
	}
	if s.state.Phase.Ended() || s.state.Phase == run.Interrupted {
		return say(seg{themes.Muted, s.ways()})
	}
	var out []seg
	for i := range s.state.Steps {
		x := &s.state.Steps[i]
		if live(x.State) {
			out = append(out, seg{themes.Muted, "now "}, seg{themes.Strong, name(x.ID, x.Title)}, seg{themes.Muted, "  "})
			break
		}
	}
	for i := range s.state.Steps {
		x := &s.state.Steps[i]
		if x.State != run.StepPending {
			continue
		}
		out = append(out, seg{themes.Muted, "next "}, seg{themes.Strong, name(x.ID, x.Title)})
		if x.NoReturn {
			out = append(out, seg{themes.Bad, " past the point of no return"})
		}
		l := wayLook(g, x.Way)
		out = append(out, seg{l.role, "  " + l.glyph + " " + l.word})
		if len(x.Undo) > 0 {
			out = append(out, seg{themes.Muted, ": " + list(x.Undo, "; ")})
		}
		break
	}
	if len(out) == 0 {
		out = append(out, seg{themes.Muted, "no step is left"})
	}
	return say(out...)
}

// after writes a text behind a colon, and nothing for none.
func after(text string) string {
	if text = oneLine(text); text == "" {
		return ""
	}
	return ": " + text
}

// failed is the first step that somebody must look at.
func (s *Run) failed() *run.StepState {
	for i := range s.state.Steps {
		if troubled(s.state.Steps[i].State) {
			return &s.state.Steps[i]
		}
	}
	return nil
}

// ways are what can be done with a run that nobody drives.
func (s *Run) ways() string {
	switch s.state.Phase {
	case run.Interrupted:
		return "R resumes it, u rolls it back"
	case run.Failure, run.Cancelled:
		return "u shows the way back"
	case run.Success:
		if s.state.Kind == kindRollback {
			return s.leftovers()
		}
		return "u shows the way back, should it be needed"
	case run.RolledBack:
		return s.leftovers()
	case run.RollbackFailed:
		return "u plans the way back again"
	}
	return ""
}

// leftovers says what a way back has left to a person.
func (s *Run) leftovers() string {
	if runLook(&s.d.Styles.Glyphs, &s.state).role == themes.OK {
		return "it is rolled back"
	}
	return "what could be taken back is; n goes to what is left to you"
}

func (s *Run) listTitle() string {
	title := "Run " + ui.Clean(s.id)
	if s.follow && !s.state.Phase.Ended() {
		title += ", following"
	}
	return title
}

// paneFrame draws the output or the details of what the cursor is on.
func (s *Run) paneFrame(r runRects) []string {
	st, host := s.target()
	f := ui.Frame{Title: "output", Focus: s.full, Footer: s.pane.Position()}
	if s.details {
		f.Title = "details"
	}
	if st != nil {
		f.Title += " " + s.d.Styles.Glyphs.Crumb + " " + name(st.ID, st.Title)
		if len(st.Hosts) > 0 {
			f.Title += " on " + hostName(host)
		}
		if !s.details && live(st.State) {
			f.Note = "follows"
			if !s.pane.AtEnd() {
				f.Note, f.Stale = "held: E goes to the end", true
			}
		}
	}
	lines := s.pane.Lines()
	body := make([]string, len(lines))
	for i := range lines {
		body[i] = " " + lines[i]
	}
	return f.Lines(s.d.Styles, r.paneW, r.paneH, body)
}

// askLines are the question that is open, or the answer that is being given, in w cells.
func (s *Run) askLines(w, h int) []string {
	st := s.d.Styles
	if s.prompt != nil {
		const most = 14
		return s.prompt.view(st, w, max(4, min(most, h*3/5-ui.FrameH)))
	}
	q := s.asked()
	if q == nil {
		return nil
	}
	var out []string
	for _, l := range ui.Wrap(st.Glyphs.Warn+" "+oneLine(q.Text), w) {
		out = append(out, st.Normal.Render(themes.Warn, l))
	}
	const most = 5
	for i, l := range q.Lines {
		if i == most {
			out = append(out, st.Normal.Render(themes.Faint, st.Glyphs.Ellipsis+" "+itoa(len(q.Lines)-most)+" more; a shows them"))
			break
		}
		out = append(out, ui.Trunc(s.shown(l), w))
	}
	hint := "a answers"
	if s.d.ReadOnly() {
		hint = "a answers, after L unlocks changes"
	}
	if !q.Until.IsZero() {
		hint += "; " + ui.Countdown(q.Until.Sub(s.now)) + " left"
	}
	return append(out, st.Normal.Render(themes.Key, ui.Trunc(hint, w)))
}

// shown writes what a question points at: "plan", "output:STEP" and "diff:STEP" stand for what is known of them.
func (s *Run) shown(l string) string {
	l = oneLine(l)
	kind, id, _ := strings.Cut(l, ":")
	switch st := s.step(id); {
	case l == "plan" && s.state.Plan != "":
		return "plan " + ui.Clean(s.state.Plan)
	case st == nil:
	case kind == "output", kind == "diff":
		was := stepLook(&s.d.Styles.Glyphs, st.State)
		return was.glyph + " " + name(st.ID, st.Title) + " " + was.word + after(st.Line)
	}
	return l
}

func (s *Run) askFrame(r runRects) []string {
	f := ui.Frame{Title: "the run asks", Focus: s.prompt != nil}
	q := s.asked()
	if q != nil {
		if st := s.step(q.Step); st != nil {
			f.Title = name(st.ID, st.Title) + " asks"
		}
		if q.Host != "" {
			f.Title += " on " + hostName(q.Host)
		}
		if n := len(s.state.Questions) - len(s.sent); n > 1 {
			f.Footer = itoa(n) + " questions are open; N shows the next"
		}
		f.Note = "for " + ui.AgeOf(q.Asked, s.now)
	}
	if s.prompt != nil && q == nil {
		f.Title = "tell the run"
	}
	lines := s.askLines(max(1, s.w-ui.FrameW-2), s.h)
	body := make([]string, len(lines))
	for i := range lines {
		body[i] = " " + lines[i]
	}
	return f.Lines(s.d.Styles, s.w, r.askH, body)
}

// details of a step: what is known of it, and of it on the host.
func (s *Run) writeDetails(p *ui.Page) {
	st, host := s.target()
	if st == nil {
		p.Line(themes.Muted, "no step is selected")
		return
	}
	g := &p.Styles().Glyphs
	l := stepLook(g, st.State)
	p.Line(l.role, l.glyph+" "+l.word+"  "+oneLine(st.Line))
	p.Field("step", st.ID+" ("+st.Kind+")", themes.Text)
	p.Field("title", oneLine(st.Title), themes.Text)
	p.Field("took", timer(st.Started, st.Ended, s.seen(), st.Usual), themes.Text)
	if st.Gate {
		p.Field("gate", "its failure leads to the way back", themes.Text)
	}
	if h := hostState(st, host); h != nil {
		hl := stepLook(g, h.State)
		p.Head(hostName(host), "", false)
		p.Line(hl.role, hl.glyph+" "+hl.word+"  "+oneLine(h.Line))
		p.Field("now", oneLine(h.Note), themes.Text)
		p.Field("progress", progress(h.Done, h.Total), themes.Text)
		p.Field("took", timer(h.Started, h.Ended, s.seen(), st.Usual), themes.Text)
		if h.Try > 1 {
			p.Field("try", itoa(h.Try), themes.Warn)
		}
	}
	p.Head("The way back", "", false)
	way := wayLook(g, st.Way)
	p.Line(way.role, way.glyph+" "+way.word)
	for _, u := range st.Undo {
		p.Line(themes.Text, "  "+oneLine(u))
	}
	if st.Way == step.BackNone && len(st.Undo) == 0 {
		p.Line(themes.Muted, "  nothing is changed by it, or nothing was yet")
	}
	if len(st.Outputs) > 0 {
		p.Head("Outputs", "", false)
		for _, k := range sortedKeys(st.Outputs) {
			p.Field(k, oneLine(st.Outputs[k]), themes.Text)
		}
	}
	if len(s.state.Hosts) > 0 {
		p.Head("The run", "", false)
		p.Field("id", s.state.ID, themes.Text)
		p.Field("hosts", strings.Join(s.state.Hosts, ", "), themes.Text)
		p.Field("by", who(&s.state), themes.Text)
		p.Field("reason", oneLine(s.state.Reason), themes.Text)
		p.Field("file", s.state.File, themes.Muted)
		p.Field("plan", s.state.Plan, themes.Muted)
		p.Field("journal", ui.Count(s.state.Records, "record"), themes.Muted)
	}
}
