package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"midwatch/hosts"
	"midwatch/ops/journal"
	"midwatch/ops/run"
	"midwatch/ops/step"
)

// follow tells how a run goes until it ends, and asks what it asks. driven says that this program drives it: a
// signal then asks whether to cancel, and the end of the program leaves the run for somebody to resume.
func (a *app) follow(ctx context.Context, s *session, id string, driven bool) error {
	ctx, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	f := &follower{app: a, s: s, id: id, asked: map[string]context.CancelFunc{}, driven: driven}
	release := a.signals.route(func(sig os.Signal) { go f.interrupted(ctx, sig, leave) }, func() {})
	defer release()
	var work sync.WaitGroup
	defer work.Wait()
	defer leave(nil)
	if a.flags.json {
		work.Go(func() { f.records(ctx) })
	} else if err := a.printf("run %s\n", id); err != nil {
		return err
	}
	st, err := f.states(ctx)
	f.forget()
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		var sig interruption
		if errors.As(err, &sig) && driven {
			a.warn("run %s is left as it is: what it started on the hosts goes on; midwatch runs resume %s", id, id)
		}
		return err
	}
	if a.flags.json {
		f.drain(st)
	}
	back, err := f.wayBack(ctx, st)
	if err != nil {
		return err
	}
	err = f.ended(st, back)
	if back == "" {
		return err
	}
	// The way back was taken by itself: that it works is no success of what failed.
	return errors.Join(err, a.follow(ctx, s, back, driven))
}

// wayBack is the run that takes back a run that failed, when its definition wants that: it begins at once.
// While it is on its way the gate is busy.
func (f *follower) wayBack(ctx context.Context, st run.State) (string, error) {
	if !f.driven || st.Phase != run.Failure || st.Kind == "rollback" {
		return "", nil
	}
	tick := time.NewTicker(backEvery)
	defer tick.Stop()
	for {
		busy := len(f.s.busy()) > 0
		list, err := f.s.svc.List(ctx, nil)
		if err != nil {
			return "", err
		}
		for _, x := range list {
			if x.Parent == st.ID {
				return x.ID, nil
			}
		}
		if !busy {
			return "", nil
		}
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// backEvery is how often a way back is looked for that begins by itself.
const backEvery = 200 * time.Millisecond

// follower is one run that is followed.
type follower struct {
	*app
	s      *session
	id     string
	driven bool
	asked  map[string]context.CancelFunc // questions that are on the terminal
	last   run.State

	mu  sync.Mutex // guards seq
	seq int        // of the last record that was printed
}

// states prints what moved until the run has ended.
func (f *follower) states(ctx context.Context) (run.State, error) {
	var gen uint64
	for {
		st, next, err := f.s.svc.Next(ctx, f.id, gen)
		if err != nil {
			return st, err
		}
		gen = next
		if !f.flags.json {
			for _, l := range moved(&f.last, &st) {
				if err := f.printf("%s  %s\n", f.now().Local().Format("15:04:05"), hosts.CleanLine(l)); err != nil {
					return st, err
				}
			}
		}
		f.last = st
		f.questions(ctx, st.Questions)
		if st.Phase.Ended() || st.Phase == run.Interrupted && !f.driven {
			return st, nil
		}
	}
}

// questions asks what is new at the terminal, and stops asking what was answered elsewhere.
func (f *follower) questions(ctx context.Context, open []run.OpenQuestion) {
	still := map[string]bool{}
	for _, q := range open {
		still[q.ID] = true
		if _, asked := f.asked[q.ID]; asked {
			continue
		}
		if !f.answers() {
			f.asked[q.ID] = func() {}
			f.warn("%s waits for an answer: %s", hosts.CleanLine(f.id), hosts.CleanLine(q.Text))
			continue
		}
		qctx, cancel := context.WithCancel(ctx)
		f.asked[q.ID] = cancel
		go func() {
			answer, err := f.answer(qctx, q)
			if err == nil {
				err = f.s.svc.Answer(qctx, f.id, q.ID, answer)
			}
			if err != nil && qctx.Err() == nil {
				f.warn("%s: %v", hosts.CleanLine(q.Text), err)
			}
		}()
	}
	for id, cancel := range f.asked {
		if !still[id] {
			cancel()
			delete(f.asked, id)
		}
	}
}

// answers reports whether somebody can answer here: at a terminal, and with the write lease.
func (f *follower) answers() bool {
	return f.isTerminal(f.stdin) && (f.s.Ops == nil || f.s.Ops.Lease().Reason != "")
}

func (f *follower) forget() {
	for _, cancel := range f.asked {
		cancel()
	}
}

// answer asks one question at the terminal.
func (f *follower) answer(ctx context.Context, q run.OpenQuestion) (step.Answer, error) {
	out := step.Answer{Who: f.who()}
	text := ""
	for _, l := range q.Lines {
		text += "  " + hosts.CleanLine(l) + "\n"
	}
	where := q.Step
	if q.Host != "" {
		where += " on " + q.Host
	}
	text += hosts.CleanLine(where + ": " + q.Text)
	switch {
	case q.Kind == "secret":
		line, err := f.prompter.Ask(ctx, text+": ", false)
		out.Yes, out.Secret = err == nil, hosts.NewSecret(line)
		return out, err
	case len(q.Choices) > 0:
		for {
			line, err := f.question(ctx, text+" ("+hosts.CleanLine(strings.Join(q.Choices, "/"))+"): ")
			if err != nil {
				return out, err
			}
			for _, c := range q.Choices {
				if strings.EqualFold(c, line) {
					out.Yes, out.Choice = true, c
					return f.comment(ctx, q, out)
				}
			}
		}
	default:
		line, err := f.question(ctx, text+" (yes/no): ")
		if err != nil {
			return out, err
		}
		out.Yes = strings.EqualFold(line, "yes")
		return f.comment(ctx, q, out)
	}
}

func (f *follower) comment(ctx context.Context, q run.OpenQuestion, out step.Answer) (step.Answer, error) {
	for q.Comment && out.Comment == "" {
		line, err := f.question(ctx, "comment: ")
		if err != nil {
			return out, err
		}
		out.Comment = line
	}
	return out, nil
}

// interrupted is what a signal means while a run is followed: nothing is cancelled by it.
func (f *follower) interrupted(ctx context.Context, sig os.Signal, leave context.CancelCauseFunc) {
	if !f.driven || !f.isTerminal(f.stdin) {
		leave(interruption{sig})
		return
	}
	line, err := f.question(ctx, fmt.Sprintf("\nrun %s goes on. cancel: end it; leave: end this program only; enter: go on. cancel, leave or enter? ", f.id))
	switch {
	case err != nil || line == "leave":
		leave(interruption{sig})
		return
	case line == "cancel":
		if err := f.s.svc.Order(ctx, f.id, run.Order{Verb: "cancel", Reason: "at the terminal"}); err != nil {
			f.warn("cancel: %v", err)
		}
	}
	f.signals.again()
}

// records prints the records of the run's journal as they are written.
func (f *follower) records(ctx context.Context) {
	err := journal.Follow(ctx, f.journalPath(), f.record)
	if err != nil && ctx.Err() == nil {
		f.warn("%v", err)
	}
}

func (f *follower) journalPath() string {
	dir, err := f.runsDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, filepath.Base(f.id), journalFile)
}

// record prints one record, each once.
func (f *follower) record(r journal.Record) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Seq <= f.seq {
		return nil
	}
	f.seq = r.Seq
	enc := json.NewEncoder(f.stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(r)
}

// drain prints the records that were written when the run ended.
func (f *follower) drain(run.State) {
	got, err := journal.Load(f.journalPath())
	for _, r := range got.Records {
		if err == nil {
			err = f.record(r)
		}
	}
}

// ended is the last word on a run, and its exit code.
func (f *follower) ended(st run.State, back string) error {
	if !f.flags.json {
		if err := f.tail(st); err != nil {
			return err
		}
		took := ""
		if !st.Ended.IsZero() {
			took = " after " + st.Ended.Sub(st.Started).Round(time.Second).String()
		}
		if err := f.printf("run %s: %s%s\n", f.id, hosts.CleanLine(phraseOf(&st)), took); err != nil {
			return err
		}
		if (st.Phase == run.Failure || st.Phase == run.Cancelled) && st.Kind != "rollback" && back == "" {
			if err := f.printf("the way back: midwatch rollback %s --plan\n", f.id); err != nil {
				return err
			}
		}
	}
	if good(&st) {
		return nil
	}
	return silently(exitFindings)
}

// good reports a run that ended as it was meant to.
func good(st *run.State) bool {
	return st.Phase == run.Success || st.Kind == "rollback" && st.Phase == run.RolledBack
}

func phraseOf(st *run.State) string {
	s := strings.ReplaceAll(string(st.Phase), "_", " ")
	if st.Note != "" {
		s += ", " + st.Note
	}
	return s
}

// tailLines is how much of the output of a step that failed is printed.
const tailLines = 20

// tail prints the end of the output of what failed.
func (f *follower) tail(st run.State) error {
	for i := range st.Steps {
		s := &st.Steps[i]
		for _, h := range s.Hosts {
			if h.State != run.StepFailed && h.State != run.StepUndoFailed {
				continue
			}
			text, _, err := f.s.svc.Output(f.s.ctx, f.id, s.ID, h.Host, 0)
			if err != nil || len(text) == 0 {
				continue
			}
			lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
			if len(lines) > tailLines {
				lines = lines[len(lines)-tailLines:]
			}
			if err := f.printf("── output of %s on %s\n", hosts.CleanLine(s.ID), hosts.CleanLine(hostName(h.Host))); err != nil {
				return err
			}
			for _, l := range lines {
				if err := f.printf("   %s\n", hosts.CleanLine(l)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// moved says in lines what changed between two states of a run.
func moved(was, is *run.State) []string {
	var out []string
	if was.Phase != is.Phase {
		out = append(out, phraseOf(is))
	}
	old := map[string]run.HostState{}
	for _, s := range was.Steps {
		for _, h := range s.Hosts {
			old[s.ID+"\x00"+h.Host] = h
		}
	}
	for _, s := range is.Steps {
		if len(s.Hosts) == 0 && s.State == run.StepSkipped && !sameStep(was, &s) {
			out = append(out, fmt.Sprintf("%s  skipped  %s", s.ID, s.Line))
		}
		for _, h := range s.Hosts {
			before, known := old[s.ID+"\x00"+h.Host]
			if h.State == before.State && (h.State != run.StepWaiting || h.Note == before.Note || known && clockOnly(before.Note, h.Note)) {
				continue
			}
			if h.State == run.StepPending && !known {
				continue
			}
			out = append(out, hostLine(&s, &h))
		}
	}
	return out
}

func sameStep(st *run.State, s *run.StepState) bool {
	for i := range st.Steps {
		if st.Steps[i].ID == s.ID {
			return st.Steps[i].State == s.State
		}
	}
	return false
}

// clockOnly reports that two notes differ in their digits only: a clock that goes on is no news.
func clockOnly(a, b string) bool {
	strip := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return -1
			}
			return r
		}, s)
	}
	return strip(a) == strip(b)
}

func hostLine(s *run.StepState, h *run.HostState) string {
	line := fmt.Sprintf("%s  %s  %s", s.ID, hostName(h.Host), strings.ReplaceAll(string(h.State), "_", " "))
	if h.Try > 1 {
		line += fmt.Sprintf(" (try %d)", h.Try)
	}
	if said := h.Line; said != "" {
		line += "  " + said
	} else if h.Note != "" {
		line += "  " + h.Note
	}
	if !h.Started.IsZero() && h.Ended.Sub(h.Started) >= time.Second {
		line += "  (" + h.Ended.Sub(h.Started).Round(time.Second).String() + ")"
	}
	return line
}
