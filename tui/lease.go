package tui

import (
	"slices"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// leaseMsg brings the lease after Unlock or Lock.
type leaseMsg struct {
	lease hosts.Lease
	err   error
}

// leaseAction is L: it opens the prompt, or locks again.
func (r *Root) leaseAction() ui.Action {
	if r.p.Deps.Ops == nil || r.p.Deps.ReadOnly() {
		a := ui.Act("app.lease", "Console", "unlock changes", func() tea.Cmd { r.push(newLeasePrompt(r.p.Lease)); return nil }, "L")
		a.Disabled = func() string {
			if r.p.Deps.Ops == nil {
				return "nothing can be changed here"
			}
			return ""
		}
		return a
	}
	return ui.Act("app.lease", "Console", "lock", func() tea.Cmd { return lock(r.p.Deps.Ops) }, "L")
}

// lock and unlock write the audit log, so they are commands.
func lock(ops ui.Operator) tea.Cmd {
	return func() tea.Msg {
		ops.Lock()
		return leaseMsg{lease: ops.Lease()}
	}
}

func unlock(ops ui.Operator, reason string, d time.Duration) tea.Cmd {
	return func() tea.Msg {
		l, err := ops.Unlock(reason, d)
		return leaseMsg{l, err}
	}
}

func (r *Root) leased(m leaseMsg) tea.Cmd {
	if m.err != nil {
		return ui.Toast(hosts.LevelError, "unlock: "+m.err.Error())
	}
	now := r.p.Deps.Now()
	r.lease = m.lease
	if m.lease.Active(now) {
		return ui.Toast(hosts.LevelWarn, "changes are unlocked for "+ui.Age(m.lease.Until.Sub(now).Round(time.Minute))+": "+m.lease.Reason)
	}
	return ui.Toast(hosts.LevelInfo, "read-only again")
}

// watchLease says when a lease has run out by itself.
func (r *Root) watchLease(now time.Time) {
	if r.p.Deps.Ops == nil {
		return
	}
	l := r.p.Deps.Ops.Lease()
	if r.lease.Reason != "" && !l.Active(now) {
		r.toasts.add(ui.ToastMsg{Text: "read-only again: the time for \"" + r.lease.Reason + "\" is over", Level: hosts.LevelWarn}, now)
		l = hosts.Lease{}
	}
	r.lease = l
}

// durations that can be chosen; the first is the default, the configured one where there is one.
func durations(first time.Duration) []time.Duration {
	out := []time.Duration{15 * time.Minute, 5 * time.Minute, 30 * time.Minute, time.Hour}
	if first <= 0 {
		return out
	}
	out = slices.DeleteFunc(out, func(d time.Duration) bool { return d == first })
	return append([]time.Duration{first}, out...)
}

// leasePrompt asks for the reason and the length of the write lease.
type leasePrompt struct {
	reason *ui.Input
	times  []time.Duration
	at     int
	empty  bool // enter was pressed without a reason
}

func newLeasePrompt(first time.Duration) *leasePrompt {
	return &leasePrompt{times: durations(first), reason: ui.NewInput("reason: ", "incident number, what you are about to do")}
}

func (o *leasePrompt) key(r *Root, m tea.KeyMsg) tea.Cmd {
	switch m.Type {
	case tea.KeyEsc:
		r.drop(o)
	case tea.KeyTab, tea.KeyDown:
		o.at = (o.at + 1) % len(o.times)
	case tea.KeyShiftTab, tea.KeyUp:
		o.at = (o.at + len(o.times) - 1) % len(o.times)
	case tea.KeyEnter:
		reason := strings.TrimSpace(ui.Clean(o.reason.Value()))
		if reason == "" {
			o.empty = true
			return nil
		}
		r.drop(o)
		return unlock(r.p.Deps.Ops, reason, o.times[o.at])
	default:
		o.reason.Update(m)
		o.empty = false
	}
	return nil
}

func (o *leasePrompt) mouse(*Root, tea.MouseMsg) tea.Cmd { return nil }

func (o *leasePrompt) hint() string { return "enter unlock  tab how long  esc cancel" }

func (o *leasePrompt) box(st *themes.Styles, w, h int) []string {
	inner := max(1, min(dialogWidth, w-6))
	var times strings.Builder
	times.WriteString("for  ")
	for i, d := range o.times {
		times.WriteString(choice(st, i == o.at, ui.Age(d)))
	}
	say := st.Normal.Render(themes.Muted, ui.Fit("The reason is written to the audit log.", inner))
	if o.empty {
		say = st.Normal.Render(themes.Bad, ui.Fit(st.Glyphs.Bad+" a reason is needed", inner))
	}
	lines := []string{st.Normal.Render(themes.Warn, st.Glyphs.Warn+" allow changes for a while"), "", o.reason.Line(st, inner), times.String(), "", say}
	return padded(st, ui.Frame{Title: "unlock"}, lines, w, h)
}
