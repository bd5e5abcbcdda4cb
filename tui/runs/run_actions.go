package runs

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/ops/run"
	"midwatch/ops/step"
	"midwatch/tui/ui"
)

// Actions are what can be done with the run.
func (s *Run) Actions() []ui.Action {
	var out []ui.Action
	act := func(id, title string, e ui.Effect, hidden bool, why func() string, run func() tea.Cmd, keys ...string) {
		a := ui.Act("run."+id, "Run", title, run, keys...)
		a.Effect, a.Hidden, a.Disabled = e, hidden, why
		out = append(out, a)
	}
	pause := "pause"
	if s.state.Phase == run.Paused {
		pause = "go on"
	}
	act("answer", "answer", ui.Change, false, s.noQuestion, s.openAnswer, "a")
	act("pause", pause, ui.Change, false, s.notLive, s.pause, "p")
	act("cancel", "cancel", ui.Destroy, false, s.notLive, s.cancel, "c")
	act("retry", "retry", ui.Change, false, s.noRetry, s.retry, "t")
	act("skip", "skip", ui.Change, false, s.noSkip, s.skip, "s")
	act("resume", "resume", ui.Change, false, s.noResume, s.askResume, "R")
	act("back", "roll back", ui.Look, false, s.noBack, func() tea.Cmd { return ui.Open(openKind(kindUndo, s.id)) }, "u")
	full := "whole output"
	if s.full {
		full = "steps"
	}
	act("full", full, ui.Look, false, nil, func() tea.Cmd { s.full = !s.full; s.fit(); return nil }, "enter")
	act("details", "details, or output", ui.Look, true, nil, func() tea.Cmd {
		s.details = !s.details
		s.pane.Top()
		s.drawPane()
		if !s.details {
			s.pane.ScrollBy(s.pane.Len(), 0)
		}
		return nil
	}, "d")
	act("follow", "follow the run", ui.Look, true, nil, func() tea.Cmd { s.follow = true; s.rows(); return s.listen() }, "f")
	act("end", "end of the output", ui.Look, true, nil, func() tea.Cmd { s.pane.ScrollBy(s.pane.Len(), 0); return nil }, "E")
	act("question", "next question", ui.Look, true, s.noQuestion, s.nextQuestion, "N")
	act("trouble", "next step in trouble", ui.Look, true, nil, s.nextTrouble, "n")
	act("fold", "show or hide the hosts of the step", ui.Look, true, nil, s.fold, "z")
	act("logs", "logs of the host since the step began", ui.Look, true, s.noHost, s.openLogs, "l")
	act("read", "read again", ui.Look, true, nil, func() tea.Cmd { s.gen = 0; return s.watch() }, "r")
	act("pane", "show or hide the output", ui.Look, true, nil, func() tea.Cmd { s.hidden = !s.hidden; s.fit(); return nil }, "v")
	act("copy", "copy the output", ui.Look, true, nil, s.copyOutput, "y")
	act("copy_id", "copy the run's id", ui.Look, true, nil, func() tea.Cmd { return ui.Copy(s.d.Deps, "the run's id", ui.Clean(s.id)) }, "Y")
	act("pane_down", "output down", ui.Look, true, nil, func() tea.Cmd { s.pane.ScrollBy(3, 0); return nil }, "J", "ctrl+d")
	act("pane_up", "output up", ui.Look, true, nil, func() tea.Cmd { s.pane.ScrollBy(-3, 0); return nil }, "K", "ctrl+u")
	if s.full {
		return append(out, sideways(s.pane.Actions())...)
	}
	return append(out, s.moves()...)
}

// sideways leaves moving sideways to the arrows: l is the logs here.
func sideways(list []ui.Action) []ui.Action {
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

// moves are the cursor's; the output follows it.
func (s *Run) moves() []ui.Action {
	list := s.out.actions(func() { s.follow = false })
	for i := range list {
		do := list[i].Run
		list[i].Run = func() tea.Cmd { return tea.Batch(do(), s.turned()) }
	}
	return list
}

// turned reads the output of what the cursor has come to.
func (s *Run) turned() tea.Cmd {
	if s.details {
		s.drawPane()
	}
	return s.listen()
}

// PaneActions are those while the output has the whole screen.
func (s *Run) PaneActions() [][]ui.Action {
	was := s.full
	s.full = true
	list := s.Actions()
	s.full = was
	return [][]ui.Action{list}
}

func (s *Run) mouse(m tea.MouseMsg) tea.Cmd {
	if !s.known {
		return nil
	}
	r := s.rects()
	if r.paneH > 0 && m.X >= r.paneX && m.Y >= r.paneY && m.Y < r.paneY+r.paneH {
		s.pane.Mouse(m)
		return nil
	}
	if r.listH > 0 && m.Y < r.headH+r.listH && m.X < r.listW {
		s.follow = false
		if s.out.mouse(m, m.Y-r.headH-1) {
			s.full = true
			s.fit()
		}
		return s.turned()
	}
	return nil
}

// What stands in the way of an order, "" when nothing does.

func (s *Run) noService() string {
	if s.d.Service == nil {
		return "nothing can be deployed here"
	}
	if !s.known {
		return "nothing is known of the run yet"
	}
	return ""
}

func (s *Run) notLive() string {
	switch why := s.noService(); {
	case why != "":
		return why
	case s.state.Phase == run.Interrupted:
		return "nobody drives it: resume it first"
	case s.state.Phase.Ended():
		return "the run has ended"
	case s.verb != "":
		return "it is being told to " + s.verb
	}
	return ""
}

func (s *Run) noQuestion() string {
	if why := s.noService(); why != "" {
		return why
	}
	if s.asked() == nil {
		return "the run asks nothing"
	}
	return ""
}

func (s *Run) noRetry() string {
	if why := s.notLive(); why != "" {
		return why
	}
	st, host := s.target()
	if st == nil {
		return "no step is selected"
	}
	p := st.State
	if h := hostState(st, host); h != nil {
		p = h.State
	}
	switch p {
	case run.StepFailed, run.StepUnknown, run.StepCancelled, run.StepUndoFailed, run.StepWaiting:
		return ""
	}
	return "only what failed is tried again"
}

func (s *Run) noSkip() string {
	if why := s.notLive(); why != "" {
		return why
	}
	st, _ := s.target()
	switch {
	case st == nil:
		return "no step is selected"
	case st.State == run.StepOK, st.State == run.StepNoChange, st.State == run.StepSkipped:
		return "it is done"
	}
	return ""
}

func (s *Run) noResume() string {
	if why := s.noService(); why != "" {
		return why
	}
	if s.state.Phase != run.Interrupted {
		return "only an interrupted run is resumed"
	}
	return ""
}

func (s *Run) noBack() string {
	switch why := s.noService(); {
	case why != "":
		return why
	case s.state.Kind == kindRollback && s.state.Phase != run.RollbackFailed:
		return "it is a rollback itself"
	case !s.state.Phase.Ended() && s.state.Phase != run.Interrupted:
		return "the run goes on: cancel it first"
	}
	return ""
}

func (s *Run) noHost() string {
	if st, host := s.target(); st == nil || host == "" {
		return "the cursor is on no host"
	}
	return ""
}

// pause stops the run before its next step, or lets it go on.
func (s *Run) pause() tea.Cmd {
	if s.state.Phase == run.Paused {
		return s.tellRun(run.Order{Verb: "go"})
	}
	return s.tellRun(run.Order{Verb: "pause"})
}

func (s *Run) cancel() tea.Cmd {
	m := ui.ConfirmMsg{Title: "cancel the run of " + ui.Clean(s.state.Deploy) + "?", Effect: ui.Destroy}
	for i := range s.state.Steps {
		if st := &s.state.Steps[i]; live(st.State) {
			m.Body = append(m.Body, name(st.ID, st.Title)+" is stopped on "+s.whereOf(st)+"; the run is cancelled once that was seen.")
		}
	}
	done := 0
	for i := range s.state.Steps {
		if p := s.state.Steps[i].State; p == run.StepOK {
			done++
		}
	}
	m.Body = append(m.Body, ui.Count(done, "step")+" done so far stay as they are until you roll back (u).")
	m.Run = func(string) tea.Cmd {
		if why := s.notLive(); why != "" {
			return ui.Toast(hosts.LevelWarn, "cancel: "+why)
		}
		reason := ""
		if s.d.Ops != nil {
			reason = s.d.Ops.Lease().Reason
		}
		return s.tellRun(run.Order{Verb: "cancel", Reason: reason})
	}
	return ui.Confirm(m)
}

func (s *Run) whereOf(st *run.StepState) string {
	var out []string
	for i := range st.Hosts {
		if live(st.Hosts[i].State) && st.Hosts[i].Host != "" {
			out = append(out, hostName(st.Hosts[i].Host))
		}
	}
	if len(out) == 0 {
		return "this machine"
	}
	return list(out, ", ")
}

func (s *Run) retry() tea.Cmd {
	st, host := s.target()
	return s.tellRun(run.Order{Verb: "retry", Step: st.ID, Host: host})
}

// skip asks why: a run that went past a step undone must say so.
func (s *Run) skip() tea.Cmd {
	st, host := s.target()
	id, _ := parts(s.out.cursor().of)
	if _, h := parts(s.out.cursor().of); h == anyHost {
		host = ""
	}
	what := name(id, st.Title)
	if host != "" {
		what += " on " + hostName(host)
	}
	s.open(&prompt{
		title: "skip " + what + ": why?", lines: []string{"The reason is written to the journal. What needs this step is skipped too; the rest goes on."},
		input: ui.NewInput("reason: ", "done by hand, not needed today"), refuse: needText,
		done: func(_ int, text string) tea.Cmd {
			return s.tellRun(run.Order{Verb: "skip", Step: st.ID, Host: host, Reason: strings.TrimSpace(ui.Clean(text))})
		},
	})
	return nil
}

func needText(_ int, text string) string {
	if strings.TrimSpace(text) == "" {
		return "a reason is needed"
	}
	return ""
}

func (s *Run) open(p *prompt) {
	s.prompt = p
	s.fit()
}

// askResume goes on with a run that nobody drives; its driver may have been somebody else.
func (s *Run) askResume() tea.Cmd {
	reason := ""
	if s.d.Ops != nil {
		reason = s.d.Ops.Lease().Reason
	}
	m := ui.ConfirmMsg{
		Title: "resume the run of " + ui.Clean(s.state.Deploy) + "?", Effect: ui.Change,
		Body: []string{
			"It was driven by " + who(&s.state) + "; from now on you drive it: " + reason,
			"What was begun and has no end is looked at first; jobs that still run are found again.",
		},
	}
	return consent(m, production(s.snap, s.state.Hosts), "", func(typed []string, _ string) tea.Cmd {
		s.verb = "resume"
		s.fit()
		return resume(s.d.Context, s, s.d.Service, s.id, run.Options{Typed: typed, Reason: reason})
	})
}

// openAnswer asks for the answer to the question that is shown. Leaving it open is what enter does first.
func (s *Run) openAnswer() tea.Cmd {
	q := s.asked()
	id := q.ID
	p := &prompt{title: oneLine(q.Text)}
	for _, l := range q.Lines {
		p.lines = append(p.lines, s.shown(l))
	}
	send := func(a step.Answer) tea.Cmd {
		if s.question(id) == nil {
			return ui.Toast(hosts.LevelWarn, "somebody else has answered, or it is no longer asked")
		}
		s.sent[id] = true
		return answer(s.d.Context, s, s.d.Service, s.id, id, a)
	}
	switch q.Kind {
	case "secret":
		p.input = ui.NewSecretInput("> ")
		p.done = func(_ int, text string) tea.Cmd { return send(step.Answer{Yes: true, Secret: hosts.NewSecret(text)}) }
	case "choose":
		choices := q.Choices
		p.choices = append([]string{"not yet"}, choices...)
		if q.Comment {
			p.input, p.refuse = commentInput(), wantComment(true)
		}
		p.done = func(at int, text string) tea.Cmd {
			if at == 0 {
				return nil
			}
			return send(step.Answer{Yes: true, Choice: choices[at-1], Comment: strings.TrimSpace(ui.Clean(text))})
		}
	default:
		p.choices = answerWords(q.Kind)
		p.input, p.refuse = commentInput(), wantComment(q.Comment)
		p.done = func(at int, text string) tea.Cmd {
			if at == 0 {
				return nil
			}
			return send(step.Answer{Yes: at == 1, Comment: strings.TrimSpace(ui.Clean(text))})
		}
	}
	s.open(p)
	return nil
}

func commentInput() *ui.Input {
	return ui.NewInput("comment: ", "what you looked at; it is written to the journal")
}

// wantComment refuses a yes without a comment where one is required.
func wantComment(required bool) func(int, string) string {
	return func(at int, text string) string {
		if at == 1 && required && strings.TrimSpace(text) == "" {
			return "a comment is required"
		}
		return ""
	}
}

// answerWords are what a question is answered with: left open, yes, no.
func answerWords(kind string) []string {
	switch kind {
	case "approve":
		return []string{"not yet", "approve", "decline"}
	case "tick":
		return []string{"not yet", "seen good", "failed"}
	}
	return []string{"not yet", "yes", "no"}
}

// nextQuestion shows another of the open questions.
func (s *Run) nextQuestion() tea.Cmd {
	q := s.asked()
	n := len(s.state.Questions)
	for i := range s.state.Questions {
		if s.state.Questions[i].ID != q.ID {
			continue
		}
		for j := 1; j < n; j++ {
			if next := &s.state.Questions[(i+j)%n]; !s.sent[next.ID] {
				s.ask = next.ID
				s.fit()
				return nil
			}
		}
	}
	return ui.Toast(hosts.LevelInfo, "it is the only question")
}

// nextTrouble goes to the next step or host that somebody must look at.
func (s *Run) nextTrouble() tea.Cmd {
	n := len(s.out.lines)
	for i := 1; i <= n; i++ {
		l := s.out.lines[(s.out.scroll.Cursor+i)%n]
		id, host := parts(l.of)
		st := s.step(id)
		if st == nil {
			continue
		}
		p := st.State
		if h := hostState(st, host); h != nil {
			p = h.State
		}
		if troubled(p) {
			s.follow = false
			s.out.to(l.key)
			return s.turned()
		}
	}
	return ui.Toast(hosts.LevelInfo, "no step is in trouble")
}

func (s *Run) fold() tea.Cmd {
	id, _ := parts(s.out.cursor().of)
	for i := range s.out.lines {
		if l := &s.out.lines[i]; l.key == "step "+id && l.fold != "" {
			s.out.opened[l.fold] = !l.open
			s.follow = false
			s.rows()
			s.out.to("step " + id)
			return s.turned()
		}
	}
	return nil
}

// openLogs shows the journal of the host since the step began there.
func (s *Run) openLogs() tea.Cmd {
	st, host := s.target()
	q := &hosts.LogQuery{Sources: []hosts.LogSource{{Host: host, Kind: hosts.LogJournal}}, Follow: true, Since: st.Started}
	return ui.Open(ui.OpenMsg{Screen: "logs", Host: host, Logs: q})
}

func (s *Run) copyOutput() tea.Cmd {
	return ui.Copy(s.d.Deps, "the output", ui.PlainText(s.outputLines()))
}
