package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"midwatch/ops/step"
)

// inboxEvery is how often messages of this machine are looked for.
const inboxEvery = 250 * time.Millisecond

// Verbs of orders.
const (
	verbPause  = "pause"
	verbGo     = "go"
	verbCancel = "cancel"
	verbRetry  = "retry"
	verbSkip   = "skip"
)

// Answers to a step that failed.
const (
	choiceRetry    = "retry"
	choiceSkip     = "skip"
	choiceRollback = "roll back"
	choiceStop     = "stop"
)

// question puts a question to the operator, records it, and waits for the answer.
func (d *driver) question(ctx context.Context, at spot, q step.Question, until time.Time) (step.Answer, error) {
	if !d.ask {
		if q.Kind == "approve" || q.Kind == "confirm" {
			return step.Answer{Yes: true, Who: "policy"}, nil
		}
		return step.Answer{}, fmt.Errorf("%w: nobody is there to be asked: %s", step.ErrDeclined, d.clean(q.Text))
	}
	q.Text = d.clean(q.Text)
	q.Lines = slices.Clone(q.Lines)
	for i := range q.Lines {
		q.Lines[i] = d.clean(q.Lines[i])
	}
	d.mu.Lock()
	id := fmt.Sprintf("q%d", d.led.asked+len(d.answers)+1)
	answer := make(chan step.Answer, 1)
	d.answers[id] = answer
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		delete(d.answers, id)
		d.mu.Unlock()
	}()
	if err := d.append(KindQuestion, at, 0, questionData{ID: id, Question: q, Until: until}); err != nil {
		return step.Answer{}, err
	}
	d.work.Go(func() { d.meta(d.ctx) })
	if !until.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, until.Sub(d.r.p.Now()), fmt.Errorf("%w: nobody answered in time", step.ErrDeclined))
		defer cancel()
	}
	a, err := d.answered(ctx, answer)
	if err != nil {
		if d.ctx.Err() == nil {
			_ = d.append(KindAnswer, at, 0, answerData{ID: id, Void: true})
		}
		return step.Answer{}, err
	}
	a.Comment = d.clean(a.Comment)
	if err := d.append(KindAnswer, at, 0, answerData{ID: id, Yes: a.Yes, Choice: a.Choice, Comment: a.Comment, Who: a.Who}); err != nil {
		return step.Answer{}, err
	}
	return a, nil
}

// answered waits for an answer, until ctx ends or the run is cancelled.
func (d *driver) answered(ctx context.Context, answer <-chan step.Answer) (step.Answer, error) {
	for {
		d.mu.Lock()
		cancelled, changed := d.led.cancelled != "", d.changed
		d.mu.Unlock()
		if cancelled {
			return step.Answer{}, errCancelled
		}
		select {
		case a := <-answer:
			return a, nil
		case <-changed:
		case <-ctx.Done():
			return step.Answer{}, context.Cause(ctx)
		}
	}
}

// voidQuestions answers what a dead driver had asked: whoever asked is gone, and asks again.
func (d *driver) voidQuestions() error {
	d.mu.Lock()
	open := slices.Clone(d.led.questions)
	d.mu.Unlock()
	for _, q := range open {
		if err := d.append(KindAnswer, spot{q.Step, q.Host}, 0, answerData{ID: q.ID, Void: true}); err != nil {
			return err
		}
	}
	return nil
}

// message is what another process tells a run. There is no place for a secret in it.
type message struct {
	Order  *Order      `json:"order,omitempty"`
	Answer *answerData `json:"answer,omitempty"`
	Who    string      `json:"who"`
}

// deal does what a message says.
func (d *driver) deal(m message) error {
	if m.Order != nil {
		return d.order(*m.Order, m.Who)
	}
	if m.Answer == nil {
		return errors.New("a message that says nothing")
	}
	return d.answer(m.Answer.ID, step.Answer{Yes: m.Answer.Yes, Choice: m.Answer.Choice, Comment: m.Answer.Comment, Who: m.Who})
}

func (d *driver) answer(id string, a step.Answer) error {
	for _, l := range d.links {
		if why := l.lost(d.r.p.Now()); why != "" {
			return fmt.Errorf("answer %s: not while a host cannot be reached: %s: %s", id, l.name, why)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.led.questions, func(q OpenQuestion) bool { return q.ID == id })
	ch := d.answers[id]
	if i < 0 || ch == nil {
		return fmt.Errorf("question %s: %w: it was answered, or who asked has gone", id, ErrUnknown)
	}
	q := d.led.questions[i]
	switch {
	case q.Comment && a.Yes && strings.TrimSpace(a.Comment) == "":
		return fmt.Errorf("question %s: a comment is wanted", id)
	case len(q.Choices) > 0 && !slices.Contains(q.Choices, a.Choice):
		return fmt.Errorf("question %s: %q is none of %s", id, a.Choice, strings.Join(q.Choices, ", "))
	}
	select {
	case ch <- a:
		return nil
	default:
		return fmt.Errorf("question %s: %w: it was answered", id, ErrUnknown)
	}
}

// order does what an operator orders. The permission was asked for before.
func (d *driver) order(o Order, who string) error {
	switch o.Verb {
	case verbPause:
		return d.phase(Paused, "paused by "+who, who)
	case verbGo:
		return d.phase(Active, "", who)
	case verbCancel:
		reason := strings.TrimSpace("cancelled by " + who)
		if o.Reason != "" {
			reason += ": " + d.clean(o.Reason)
		}
		if err := d.append(KindCancel, spot{}, 0, stateData{Note: reason}); err != nil {
			return err
		}
		d.mu.Lock()
		stops := d.stops
		d.mu.Unlock()
		for _, stop := range stops {
			stop(errCancelled)
		}
		return nil
	case verbRetry, verbSkip:
		return d.aboutStep(o, who)
	}
	return fmt.Errorf("order %q: not known", o.Verb)
}

// aboutStep is an order to try a step again or to leave it out.
func (d *driver) aboutStep(o Order, who string) error {
	if o.Verb == verbSkip && strings.TrimSpace(o.Reason) == "" {
		return errors.New("skip: a reason is needed; it is kept with the run")
	}
	d.mu.Lock()
	s, ok := d.led.byID[o.Step]
	var at []spot
	if ok {
		for _, h := range s.hosts {
			if o.about(h.host, h.state) {
				at = append(at, spot{o.Step, h.host})
			}
		}
	}
	asked := ""
	for _, q := range d.led.questions {
		if slices.Contains(q.Choices, choiceRetry) && (q.Step == o.Step || strings.HasPrefix(o.Step, q.Step+".")) {
			asked = q.ID
		}
	}
	if o.Verb == verbRetry {
		d.retries = append(d.retries, at...)
	}
	d.mu.Unlock()
	switch {
	case !ok:
		return fmt.Errorf("%s: step %q: %w", o.Verb, o.Step, ErrUnknown)
	case len(at) == 0:
		return fmt.Errorf("%s %s: it is neither failed nor still to come there", o.Verb, where(o.Step, o.Host))
	}
	if o.Verb == verbSkip {
		for _, s := range at {
			if err := d.append(KindState, s, 0, stateData{Note: d.clean(o.Reason) + " (" + who + ")", By: who}); err != nil {
				return err
			}
		}
	}
	if asked != "" {
		return d.answer(asked, step.Answer{Yes: true, Choice: o.Verb, Comment: o.Reason, Who: who})
	}
	return nil
}

// about reports whether an order is about a step that stands so on a host.
func (o Order) about(host string, is StepPhase) bool {
	if o.Host != "" && o.Host != host && o.Host != hostName(host) {
		return false
	}
	switch o.Verb {
	case verbSkip:
		return is == StepPending || is == StepFailed
	case verbRetry:
		return is == StepFailed || is == StepUndoFailed
	}
	return true
}

// fits reports whether an order makes sense as a run stands, for who does not drive it: whoever does decides.
func (o Order) fits(st State) bool {
	if o.Verb != verbSkip && o.Verb != verbRetry {
		return true
	}
	i := slices.IndexFunc(st.Steps, func(s StepState) bool { return s.ID == o.Step })
	return i >= 0 && (len(st.Steps[i].Hosts) == 0 && o.Verb == verbSkip ||
		slices.ContainsFunc(st.Steps[i].Hosts, func(h HostState) bool { return o.about(h.Host, h.State) }))
}

// watchInbox takes the messages of other processes of this machine.
func (d *driver) watchInbox() {
	dir := filepath.Join(d.dir, "inbox")
	tick := time.NewTicker(inboxEvery)
	defer tick.Stop()
	for {
		select {
		case <-d.ctx.Done():
			return
		case <-tick.C:
		}
		files, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, f := range files {
			if !strings.HasSuffix(f.Name(), ".json") {
				continue
			}
			name := filepath.Join(dir, f.Name())
			if b, err := os.ReadFile(name); err == nil {
				d.hear(b)
			}
			_ = os.Remove(name)
		}
	}
}

func (d *driver) hear(b []byte) {
	var m message
	if err := json.Unmarshal(b, &m); err != nil {
		d.warn("a message that cannot be read: %v", err)
		return
	}
	if err := d.deal(m); err != nil {
		d.warn("told by %s: %v", d.clean(m.Who), err)
	}
}

// inbox takes the messages of operators on other machines.
func (l *link) inbox(ctx context.Context) {
	l.hearing.Lock()
	defer l.hearing.Unlock()
	msgs, err := l.once().Inbox(ctx, l.d.id)
	if err != nil {
		return
	}
	names := make([]string, 0, len(msgs))
	for name := range msgs {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(names) == 0 || l.once().Taken(ctx, l.d.id, names...) != nil {
		return
	}
	for _, name := range names {
		l.d.hear(msgs[name])
	}
}

// tell leaves a message for a process of this machine that drives a run.
func (r *Runs) tell(id string, m message) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	dir := filepath.Join(r.runDir(id), "inbox")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("tell run %s: %w", id, err)
	}
	name := filepath.Join(dir, time.Now().UTC().Format("20060102T150405.000000000"))
	if err := os.WriteFile(name+".part", b, 0o600); err != nil {
		return fmt.Errorf("tell run %s: %w", id, err)
	}
	if err := os.Rename(name+".part", name+".json"); err != nil {
		return fmt.Errorf("tell run %s: %w", id, err)
	}
	return nil
}
