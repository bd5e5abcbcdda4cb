package main

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/term"

	"midwatch/hosts"
	"midwatch/ops/deploy"
	"midwatch/ops/run"
	"midwatch/ops/step"
	"midwatch/tui/ui"
)

// planWidth is how wide a plan is where nobody says: a page.
const planWidth = 120

// printPlan prints a plan: forward and back side by side, or its document.
func (a *app) printPlan(p *run.Plan) error {
	if a.flags.json {
		return a.printJSON(planDocument(p))
	}
	width := planWidth
	if a.isTerminal(a.stdout) {
		if w, _, err := term.GetSize(a.stdout.Fd()); err == nil && w >= 60 {
			width = w
		}
	}
	return a.printf("%s", planText(p, width))
}

// planRow is one line of the table of a plan: a step on a host.
type planRow struct{ step, host, forward, back string }

// planText is a plan for people, width cells wide.
func planText(p *run.Plan, width int) string {
	var b strings.Builder
	what := p.Deploy.Name + " in " + p.Deploy.Env
	if p.Kind == "rollback" {
		what = "take back " + p.Parent + ": " + what
	}
	b.WriteString(hosts.CleanLine(what) + "\n")
	if p.Deploy.About != "" {
		b.WriteString(hosts.CleanLine(p.Deploy.About) + "\n")
	}
	b.WriteString("\n")
	var stepWidth, hostWidth int
	for _, s := range p.Steps {
		stepWidth = max(stepWidth, ui.Width(stepName(&s)))
		for _, h := range s.Hosts {
			hostWidth = max(hostWidth, ui.Width(hostName(h.Host)))
		}
	}
	stepWidth, hostWidth = max(4, min(stepWidth, 24)), max(4, min(hostWidth, 20))
	back := p.Kind == "rollback" // there, forward is the way back
	half := max(20, (width-stepWidth-hostWidth-6)/2)
	if back {
		half = max(40, width-stepWidth-hostWidth-4)
	}
	line := func(r planRow) {
		f, k := ui.Wrap(r.forward, half), ui.Wrap(r.back, half)
		for i := range max(len(f), len(k)) {
			cell := func(l []string) string {
				if i < len(l) {
					return l[i]
				}
				return ""
			}
			name, host := r.step, r.host
			if i > 0 {
				name, host = "", ""
			}
			text := ui.Fit(name, stepWidth) + "  " + ui.Fit(host, hostWidth) + "  " + ui.Fit(cell(f), half) + "  " + cell(k)
			b.WriteString(strings.TrimRight(text, " ") + "\n")
		}
	}
	if back {
		line(planRow{"STEP", "HOST", "TAKEN BACK", ""})
	} else {
		line(planRow{"STEP", "HOST", "FORWARD", "BACK"})
	}
	phase := ""
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.Phase != phase && s.Phase != "" {
			phase = s.Phase
			b.WriteString("── " + hosts.CleanLine(phase) + "\n")
		}
		if s.NoReturn {
			b.WriteString("── point of no return: what comes after has effects that an undo does not take back ──\n")
		}
		for _, r := range planRows(s) {
			if back {
				if r.back = ""; r.forward == "" {
					continue
				}
			}
			line(r)
		}
	}
	b.WriteString("\n")
	planEnd(&b, p)
	return b.String()
}

// planEnd is what has to be known before a plan is run.
func planEnd(b *strings.Builder, p *run.Plan) {
	list := func(title string, lines []string) {
		for _, l := range lines {
			b.WriteString(title + ": " + hosts.CleanLine(l) + "\n")
		}
	}
	if p.Kind != "rollback" && p.Deploy.OnFailure == "rollback" {
		list("on failure", []string{"what was done is taken back at once"})
	}
	list("lock", p.Lock)
	list("warning", p.Warnings)
	list("to agree to", p.Consent)
	if len(p.TypeNames) > 0 {
		list("production", []string{strings.Join(p.TypeNames, ", ")})
	}
	if p.TypeWord != "" {
		list("schema", []string{"crossed: " + p.TypeWord + " has to be typed"})
	}
	list("cannot be run", p.Faults)
	fmt.Fprintf(b, "plan %s\n", short(p.Fingerprint))
}

func short(s string) string {
	const most = 16
	if len(s) > most {
		return s[:most]
	}
	return s
}

func stepName(s *run.PlanStep) string {
	if s.Group != "" {
		return "  " + strings.TrimPrefix(s.ID, s.Group+".")
	}
	return s.ID
}

func hostName(h string) string {
	if h == "" {
		return "here"
	}
	return h
}

// planRows are the lines of a step.
func planRows(s *run.PlanStep) []planRow {
	name := stepName(s)
	if s.Skip != "" {
		return []planRow{{name, "", "not run: " + hosts.CleanLine(s.Skip), ""}}
	}
	if len(s.Hosts) == 0 || s.Kind == "group" {
		return []planRow{{name, "", "one host after the other:", ""}}
	}
	var out []planRow
	for i := range s.Hosts {
		h := &s.Hosts[i]
		forward, back := forwardLines(s, h), backLines(&h.Change)
		for n := range max(len(forward), len(back)) {
			r := planRow{}
			if n == 0 {
				r.host = hostName(h.Host)
				if i == 0 {
					r.step = name
				}
			}
			if n < len(forward) {
				r.forward = hosts.CleanLine(forward[n])
			}
			if n < len(back) {
				r.back = hosts.CleanLine(back[n])
			}
			out = append(out, r)
		}
	}
	return out
}

func forwardLines(s *run.PlanStep, h *run.PlanHost) []string {
	out := append([]string{}, h.Change.Lines...)
	switch {
	case h.Err != "":
		out = []string{"cannot be told: " + h.Err}
	case len(out) > 0:
	case h.Change.Nothing:
		out = append(out, "nothing to change")
	default:
		out = append(out, "? effect unknown ("+s.Kind+")")
	}
	if s.Gate {
		out = append(out, "gate: a failure ends the run here")
	}
	return out
}

func backLines(c *step.Change) []string {
	if c.Back == step.BackNone {
		return []string{"-"}
	}
	word := wayWord(c.Back)
	if len(c.BackLines) == 0 {
		return []string{word}
	}
	out := append([]string{}, c.BackLines...)
	if c.Back != step.BackReversible {
		out[0] = word + ": " + out[0]
	}
	return out
}

// wayWord is a way back in a word.
func wayWord(w step.Way) string {
	switch w {
	case step.BackReversible:
		return "reversible"
	case step.BackCompensating:
		return "compensating"
	case step.BackIrreversible:
		return "irreversible"
	case step.BackManual:
		return "by hand"
	default:
		return "none"
	}
}

// explainStep prints all that a plan knows of a step.
func (a *app) explainStep(p *run.Plan, s *deploy.Step, id string) error {
	var of []run.PlanStep
	for _, ps := range p.Steps {
		if ps.ID == id || strings.HasSuffix(ps.ID, "."+id) {
			of = append(of, ps)
		}
	}
	if a.flags.json {
		doc := planDocument(p)
		doc.Steps = stepDocuments(of)
		return a.printJSON(doc)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", hosts.CleanLine(id), s.Kind)
	if s.Title != "" {
		b.WriteString(", " + hosts.CleanLine(s.Title))
	}
	fmt.Fprintf(&b, "\n%s:%d\n", p.Deploy.File, s.Line)
	for _, l := range stepSays(s) {
		b.WriteString("  " + hosts.CleanLine(l) + "\n")
	}
	for i := range of {
		if of[i].Skip != "" {
			b.WriteString("not run: " + hosts.CleanLine(of[i].Skip) + "\n")
		}
		for j := range of[i].Hosts {
			explainHost(&b, &of[i], &of[i].Hosts[j])
		}
	}
	return a.printf("%s", b.String())
}

// stepSays are the settings that steps of all kinds have, where they are not the usual ones.
func stepSays(s *deploy.Step) []string {
	var out []string
	add := func(on bool, format string, args ...any) {
		if on {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	add(s.On != "", "on %s", s.On)
	add(s.On == "", "on this machine")
	add(s.When != "", "when %s", s.When)
	add(len(s.Needs) > 0, "needs %s", strings.Join(s.Needs, ", "))
	add(s.Timeout > 0, "at most %s", s.Timeout)
	add(s.Retry.Attempts > 1, "tried %d times, %s apart", s.Retry.Attempts, s.Retry.Delay)
	add(s.Batch.Canary > 0, "first %d hosts alone", s.Batch.Canary)
	add(s.Batch.Size > 0, "%d hosts at a time", s.Batch.Size)
	add(s.Batch.Percent > 0, "%d %% of the hosts at a time", s.Batch.Percent)
	add(s.Batch.Pause > 0, "%s between batches", s.Batch.Pause)
	add(s.Batch.MaxFailures > 0, "%d hosts may fail", s.Batch.MaxFailures)
	add(s.Gate, "a gate: when it fails the way back is offered, or taken")
	add(s.PointOfNoReturn, "the point of no return")
	add(s.Undo.Mode == "none", "undo: none, the definition says")
	add(s.Undo.Mode == "command", "undo: runs %v", s.Undo.Argv)
	add(s.Undo.Note != "", "undo: %s", s.Undo.Note)
	return out
}

func explainHost(b *strings.Builder, s *run.PlanStep, h *run.PlanHost) {
	fmt.Fprintf(b, "\non %s\n", hostName(h.Host))
	for _, l := range forwardLines(s, h) {
		b.WriteString("  " + hosts.CleanLine(l) + "\n")
	}
	for _, l := range h.Change.Asks {
		b.WriteString("  to agree to: " + hosts.CleanLine(l) + "\n")
	}
	if h.Change.Takes > 0 {
		fmt.Fprintf(b, "  takes about %s\n", h.Change.Takes)
	}
	for _, l := range backLines(&h.Change) {
		b.WriteString("  back: " + hosts.CleanLine(l) + "\n")
	}
	for _, d := range h.Change.Detail {
		b.WriteString("  " + hosts.CleanLine(d.Title) + "\n")
		for l := range strings.SplitSeq(d.Text, "\n") {
			b.WriteString("    " + hosts.CleanLine(l) + "\n")
		}
	}
}
