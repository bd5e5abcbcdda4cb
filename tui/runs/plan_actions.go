package runs

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/ops/run"
	"midwatch/ops/step"
	"midwatch/tui/ui"
)

// Actions are what can be done with the plan.
func (s *Plan) Actions() []ui.Action {
	id := func(x string) string { return "plan." + x }
	hide := func(a ui.Action) ui.Action { a.Hidden = true; return a }
	when := func(a ui.Action, why func() string) ui.Action { a.Disabled = why; return a }
	start := when(ui.Act(id("start"), "Plan", "start", s.ask, "S"), s.obstacle)
	start.Effect = ui.Change
	queue := when(ui.Act(id("queue"), "Plan", "wait for the lock, or not", func() tea.Cmd { s.opts.Queue = !s.opts.Queue; s.fit(); return nil }, "w"), s.noLock)
	over := when(ui.Act(id("takeover"), "Plan", "take a stale lock over, or not", func() tea.Cmd { s.opts.Takeover = !s.opts.Takeover; s.fit(); return nil }, "X"), s.noStale)
	over.Effect = ui.Change
	out := []ui.Action{
		start,
		ui.Act(id("unfold"), "Plan", "open or close", func() tea.Cmd { s.toggle(); return nil }, "enter", "z"),
		ui.Act(id("unfold_all"), "Plan", "all diffs", func() tea.Cmd { s.toggleAll(); return nil }, "Z"),
		ui.Act(id("read"), "Plan", "read again", s.read, "r"),
		when(ui.Act(id("back"), "Plan", "the way back alone", func() tea.Cmd { s.backward = !s.backward; s.rows(); return nil }, "b"), func() string {
			if s.undo {
				return "this is the way back"
			}
			return ""
		}),
		hide(when(ui.Act(id("next"), "Plan", "next that needs a look", func() tea.Cmd { return s.seek() }, "n"), s.noPlan)),
		hide(when(ui.Act(id("only"), "Plan", "only this host, or all", s.onlyHost, "O"), s.noPlan)),
		hide(queue), hide(over),
		hide(when(ui.Act(id("copy"), "Plan", "copy the plan", s.copyPlan, "y"), s.noPlan)),
		hide(when(ui.Act(id("run"), "Plan", "the run it was started as", func() tea.Cmd { return ui.Open(OpenRun(s.started)) }, "o"), func() string {
			if s.started == "" {
				return "it was not started"
			}
			return ""
		})),
	}
	if s.undo {
		bad := ui.Act(id("bad"), "Plan", "mark what is left behind as bad, or not", func() tea.Cmd { s.opts.Bad = !s.opts.Bad; s.fit(); return nil }, "m")
		out = append(out, hide(bad), hide(when(ui.Act(id("step"), "Plan", "take only this step back, or all", s.onlyStep, "t"), s.noPlan)))
	} else {
		out = append(out, hide(when(ui.Act(id("from"), "Plan", "from this step on, or from the first", s.fromStep, "f"), s.noPlan)))
	}
	return append(out, s.out.actions(func() {})...)
}

func (s *Plan) noPlan() string {
	if s.plan == nil {
		return "there is no plan yet"
	}
	return ""
}

func (s *Plan) noLock() string {
	if s.plan != nil && len(locksOf(s.plan)) == 0 {
		return "nobody holds the lock"
	}
	return s.noPlan()
}

func (s *Plan) noStale() string {
	if s.plan != nil && !strings.Contains(strings.Join(locksOf(s.plan), "\n"), "stale") {
		return "no lock is stale: a live one is never taken over"
	}
	return s.noPlan()
}

// toggle opens or closes what the cursor is on, or what it is in.
func (s *Plan) toggle() {
	at := s.out.cursor()
	key := at.fold
	if key == "" {
		if i := strings.LastIndex(at.key, " line "); i > 0 {
			key = at.key[:i]
		} else if id, _ := parts(at.of); id != "" {
			key = "step " + id
		}
	}
	if key == "" {
		return
	}
	was := false
	for i := range s.out.lines {
		if s.out.lines[i].fold == key {
			was = s.out.lines[i].open
		}
	}
	s.out.opened[key] = !was
	s.rows()
	s.out.to(key)
}

// toggleAll opens every diff and list, or closes all when one is open.
func (s *Plan) toggleAll() {
	open := true
	for k, v := range s.out.opened {
		if v && strings.Contains(k, " detail ") {
			open = false
		}
	}
	if s.plan == nil {
		return
	}
	for i := range s.plan.Steps {
		st := &s.plan.Steps[i]
		for j := range st.Hosts {
			for k := range st.Hosts[j].Change.Detail {
				s.out.opened["host "+st.ID+" "+st.Hosts[j].Host+" detail "+itoa(k)] = open
			}
		}
	}
	s.rows()
}

// seek goes to the next line that asks, is unknown, or cannot be taken back.
func (s *Plan) seek() tea.Cmd {
	n := len(s.out.lines)
	for i := 1; i <= n; i++ {
		l := s.out.lines[(s.out.scroll.Cursor+i)%n]
		id, host := parts(l.of)
		if l.key != "host "+id+" "+host+" 0" {
			continue
		}
		if h := s.find(id, host); h != nil && (h.Err != "" || h.Change.Unknown || len(h.Change.Asks) > 0 || h.Change.Back == step.BackIrreversible || h.Change.Back == step.BackManual) {
			s.out.to(l.key)
			return nil
		}
	}
	return ui.Toast(hosts.LevelInfo, "every effect is known, and every step has a way back")
}

func (s *Plan) find(id, host string) *run.PlanHost {
	for i := range s.plan.Steps {
		if st := &s.plan.Steps[i]; st.ID == id {
			for j := range st.Hosts {
				if st.Hosts[j].Host == host {
					return &st.Hosts[j]
				}
			}
		}
	}
	return nil
}

func (s *Plan) onlyHost() tea.Cmd {
	if len(s.opts.Only) > 0 {
		return s.change(func(o *run.Options) { o.Only = nil })
	}
	_, host := parts(s.out.cursor().of)
	if host == "" {
		return ui.Toast(hosts.LevelInfo, "put the cursor on a host of a step")
	}
	return s.change(func(o *run.Options) { o.Only = []string{host} })
}

func (s *Plan) onlyStep() tea.Cmd {
	if len(s.opts.Steps) > 0 {
		return s.change(func(o *run.Options) { o.Steps = nil })
	}
	id, _ := parts(s.out.cursor().of)
	if id == "" {
		return ui.Toast(hosts.LevelInfo, "put the cursor on a step")
	}
	return s.change(func(o *run.Options) { o.Steps = []string{id} })
}

func (s *Plan) fromStep() tea.Cmd {
	if s.opts.FromStep != "" {
		return s.change(func(o *run.Options) { o.FromStep = "" })
	}
	id, _ := parts(s.out.cursor().of)
	if id == "" {
		return ui.Toast(hosts.LevelInfo, "put the cursor on a step")
	}
	return s.change(func(o *run.Options) { o.FromStep = id })
}

// ask asks for consent to what the plan needs, then starts it.
func (s *Plan) ask() tea.Cmd {
	p := s.plan
	title := "start the deploy"
	if s.undo {
		title = "roll back"
	}
	dep := ui.Clean(s.name)
	if p.Deploy != nil {
		dep = ui.Clean(p.Deploy.Name)
		if p.Deploy.Env != "" {
			dep += " in " + ui.Clean(p.Deploy.Env)
		}
	}
	m := ui.ConfirmMsg{Title: title + " of " + dep + " on " + ui.Count(len(p.Hosts), "host") + "?", Effect: ui.Change}
	m.Body = append(m.Body, list(p.Hosts, ", "))
	if s.undo || crossesNoReturn(p) {
		m.Effect = ui.Destroy
	}
	if crossesNoReturn(p) {
		m.Body = append(m.Body, "It crosses a point of no return: not every step can be taken back.")
	}
	if n := unknowns(p); n > 0 {
		m.Body = append(m.Body, "The effect of "+ui.Count(n, "step")+" is not known before.")
	}
	const most = 6
	for i, c := range p.Consent {
		if i == most {
			m.Body = append(m.Body, "and "+itoa(len(p.Consent)-most)+" more that the plan lists")
			break
		}
		if i == 0 {
			m.Body = append(m.Body, "You consent to:")
		}
		m.Body = append(m.Body, "  "+oneLine(c))
	}
	if s.opts.Takeover {
		m.Body = append(m.Body, "A stale lock is taken over: resuming or rolling back the run that left it may be the better way.")
	}
	opts := s.opts
	opts.Consent = len(p.Consent) > 0
	if s.d.Ops != nil {
		opts.Reason = s.d.Ops.Lease().Reason
	}
	return consent(m, p.TypeNames, p.TypeWord, func(typed []string, word string) tea.Cmd {
		if why := s.obstacle(); why != "" {
			return ui.Toast(hosts.LevelWarn, "not started: "+why)
		}
		if s.plan != p {
			return ui.Toast(hosts.LevelWarn, "not started: the plan is another than the one you agreed to")
		}
		s.starting, s.refused = true, nil
		// A run is not the screen's: it goes on when this one is closed.
		return startRun(s.d.Context, s, s.d.Service, p, options(opts, typed, word))
	})
}

func crossesNoReturn(p *run.Plan) bool {
	for i := range p.Steps {
		if p.Steps[i].NoReturn && p.Steps[i].Skip == "" {
			return true
		}
	}
	return false
}

// unknowns counts the steps of which nobody can say before what they change.
func unknowns(p *run.Plan) int {
	n := 0
	for i := range p.Steps {
		for j := range p.Steps[i].Hosts {
			if h := &p.Steps[i].Hosts[j]; h.Err != "" || h.Change.Unknown {
				n++
				break
			}
		}
	}
	return n
}

// copyPlan copies the plan as text, with all that is closed.
func (s *Plan) copyPlan() tea.Cmd {
	r := &planRows{st: s.d.Styles, open: func(string, bool) bool { return true }, undo: s.undo}
	r.notes("lock", locksOf(s.plan), 0, s.d.Styles.Glyphs.Locked)
	r.notes("fault", s.plan.Faults, 0, s.d.Styles.Glyphs.Bad)
	r.notes("warning", s.plan.Warnings, 0, s.d.Styles.Glyphs.Warn)
	r.notes("consent", s.plan.Consent, 0, s.d.Styles.Glyphs.Mark)
	r.forward(s.plan)
	lines := make([]string, 0, len(r.out))
	const wide = 160
	for _, l := range r.out {
		lines = append(lines, l.draw(&s.d.Styles.Normal, wide))
	}
	return ui.Copy(s.d.Deps, "the plan", ui.PlainText(lines))
}
