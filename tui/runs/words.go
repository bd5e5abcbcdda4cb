package runs

import (
	"strings"
	"time"

	"midwatch/ops/run"
	"midwatch/ops/step"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// look is how a state is shown: a sign, a word, and what they mean.
type look struct {
	glyph, word string
	role        themes.Role
}

func (l look) cell() ui.Cell {
	return ui.Cell{Text: l.word, Role: l.role, Glyph: l.glyph, GlyphRole: l.role}
}

// phaseLook is how the state of a run is shown. A state this console does not know is unknown.
func phaseLook(g *themes.Glyphs, p run.Phase) look {
	switch p {
	case run.Pending:
		return look{g.Pending, "pending", themes.Muted}
	case run.Queued:
		return look{g.Pending, "queued", themes.Warn}
	case run.Active:
		return look{g.Running, "running", themes.Info}
	case run.Paused:
		return look{g.Paused, "paused", themes.Warn}
	case run.AwaitingApproval:
		return look{g.Warn, "awaits approval", themes.Warn}
	case run.Success:
		return look{g.OK, "success", themes.OK}
	case run.Failure:
		return look{g.Bad, "failed", themes.Bad}
	case run.Cancelled:
		return look{g.Stopped, "cancelled", themes.Warn}
	case run.Interrupted:
		return look{g.Unknown, "interrupted", themes.Bad}
	case run.RollingBack:
		return look{g.Restarting, "rolling back", themes.Info}
	case run.RolledBack:
		return look{g.OK, "rolled back", themes.OK}
	case run.RollbackFailed:
		return look{g.Bad, "rollback failed", themes.Bad}
	}
	return look{g.Unknown, "unknown", themes.Unknown}
}

// runLook is how a run is shown. One that has ended well and left something to a person is not good yet.
func runLook(g *themes.Glyphs, st *run.State) look {
	l := phaseLook(g, st.Phase)
	if l.role != themes.OK {
		return l
	}
	for i := range st.Steps {
		if troubled(st.Steps[i].State) && (st.Phase == run.RolledBack || st.Kind == kindRollback) && st.Steps[i].State != run.StepFailed {
			return look{g.Warn, l.word + " in part", themes.Warn}
		}
	}
	return l
}

// stepLook is how the state of a step is shown. One that was begun and whose end nobody knows is never
// green.
func stepLook(g *themes.Glyphs, p run.StepPhase) look {
	switch p {
	case run.StepPending:
		return look{g.Pending, "pending", themes.Faint}
	case run.StepSkipped:
		return look{g.Stopped, "skipped", themes.Muted}
	case run.StepRunning:
		return look{g.Running, "running", themes.Info}
	case run.StepWaiting:
		return look{g.Paused, "waiting", themes.Warn}
	case run.StepOK:
		return look{g.OK, "ok", themes.OK}
	case run.StepNoChange:
		return look{g.OK, "no change", themes.OK}
	case run.StepFailed:
		return look{g.Bad, "failed", themes.Bad}
	case run.StepCancelled:
		return look{g.Stopped, "cancelled", themes.Warn}
	case run.StepUndoing:
		return look{g.Restarting, "undoing", themes.Info}
	case run.StepUndone:
		return look{g.OK, "undone", themes.OK}
	case run.StepUndoFailed:
		return look{g.Bad, "undo failed", themes.Bad}
	case run.StepManual:
		return look{g.Warn, "by hand", themes.Warn}
	}
	return look{g.Unknown, "unknown", themes.Unknown}
}

// wayLook is how a way back is shown.
func wayLook(g *themes.Glyphs, w step.Way) look {
	switch w {
	case step.BackNone:
		return look{g.Separator, "nothing to undo", themes.Faint}
	case step.BackReversible:
		return look{g.OK, "reversible", themes.OK}
	case step.BackCompensating:
		return look{g.Restarting, "compensating", themes.Warn}
	case step.BackIrreversible:
		return look{g.Bad, "no way back", themes.Bad}
	case step.BackManual:
		return look{g.Warn, "by hand", themes.Warn}
	}
	return look{g.Unknown, "unknown", themes.Unknown}
}

// skewLook is how what runs on a host stands to what should.
func skewLook(g *themes.Glyphs, h *run.HostVersion) look {
	switch {
	case h.Err != "":
		return look{g.Unknown, "unknown", themes.Unknown}
	case h.Skew == "ok":
		return look{g.OK, "ok", themes.OK}
	case h.Skew == "behind", h.Skew == "mixed", h.Skew == "old process":
		return look{g.Warn, h.Skew, themes.Warn}
	}
	return look{g.Unknown, "unknown", themes.Unknown}
}

// lockLook is how a lock is shown.
func lockLook(g *themes.Glyphs, l *run.LockState) look {
	who := ui.Clean(l.Owner)
	if l.Mine {
		who = "you"
	}
	switch l.State {
	case "live":
		return look{g.Locked, who, themes.Info}
	case "stale":
		return look{g.Stale, "stale, " + who, themes.Warn}
	case "frozen":
		return look{g.Maintenance, "held by " + who, themes.Warn}
	}
	return look{g.Unknown, who, themes.Unknown}
}

// live reports a step that is at something.
func live(p run.StepPhase) bool {
	return p == run.StepRunning || p == run.StepWaiting || p == run.StepUndoing
}

// troubled reports a step that somebody must look at.
func troubled(p run.StepPhase) bool {
	switch p {
	case run.StepFailed, run.StepUnknown, run.StepUndoFailed, run.StepManual:
		return true
	}
	return false
}

// took is how long something that began has taken until now, or until its end; 0 when it has not begun.
func took(started, ended, now time.Time) time.Duration {
	switch {
	case started.IsZero():
		return 0
	case ended.IsZero() || ended.Before(started):
		return max(0, now.Sub(started))
	}
	return ended.Sub(started)
}

// timer writes how long something has taken against how long it usually takes: "00:12 / ~00:30".
func timer(started, ended, now time.Time, usual time.Duration) string {
	text := ""
	if !started.IsZero() {
		text = ui.Countdown(took(started, ended, now).Truncate(time.Second))
	}
	if usual > 0 {
		if text != "" {
			text += " / "
		}
		text += "~" + ui.Countdown(usual)
	}
	return text
}

// overdue reports something that takes twice as long as usual.
func overdue(started, ended, now time.Time, usual time.Duration) bool {
	return usual > 0 && ended.IsZero() && took(started, ended, now) > 2*usual
}

// progress writes how far a transfer is. Small totals are things, not bytes.
func progress(done, total int64) string {
	const things = 1024
	count := func(n int64) string { return ui.Bytes(uint64(max(0, n))) }
	if total > 0 && total < things {
		count = func(n int64) string { return itoa(int(max(0, n))) }
	}
	switch {
	case total > 0:
		return ui.Percent(float64(done)*100/float64(total)) + " " + count(done) + "/" + count(total)
	case done > 0:
		return count(done)
	}
	return ""
}

// hostName is a host for people: a step without one works on this machine.
func hostName(h string) string {
	if h == "" {
		return "here"
	}
	return ui.Clean(h)
}

// oneLine is a text of several lines as one.
func oneLine(s string) string { return ui.Clean(strings.Join(strings.Fields(s), " ")) }

// name is what a step is called: its title, or its id.
func name(id, title string) string {
	if title != "" {
		return ui.Clean(title)
	}
	return ui.Clean(id)
}
