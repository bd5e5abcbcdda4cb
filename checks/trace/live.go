package trace

import (
	"fmt"
	"strings"
)

// Safe reports whether a request of that method only reads, so that hops may be asked with it.
func Safe(method string) bool {
	switch strings.ToUpper(method) {
	case "", "GET", "HEAD", "OPTIONS":
		return true
	}
	return false
}

// Answer is what a hop answered when it was asked.
type Answer struct {
	Status   int
	Location string
	Server   string
	Err      string // why there was none
}

func (a Answer) String() string {
	switch {
	case a.Err != "":
		return a.Err
	case a.Location != "":
		return fmt.Sprintf("%d to %s", a.Status, a.Location)
	case a.Server != "":
		return fmt.Sprintf("%d (server: %s)", a.Status, a.Server)
	}
	return fmt.Sprint(a.Status)
}

// Judge puts what the hops answered into the trace; answers holds one per hop, nil for those that
// were not asked. A hop promises the status its configuration names, or to pass on what the hop
// behind it answers; the first one that breaks its promise becomes the verdict.
func (t *Trace) Judge(answers []*Answer) {
	last := -1
	for i := range t.Hops {
		if i < len(answers) && answers[i] != nil {
			t.Hops[i].Live = answers[i].String()
			last = i
		}
	}
	before := t.Status()
	for i := range t.Hops {
		if i >= len(answers) || answers[i] == nil {
			continue
		}
		why := t.breaks(answers, i, i == last)
		if why == "" {
			continue
		}
		if i == last && before == Broken {
			break // what the configuration says is the reason; this confirms it
		}
		h := &t.Hops[i]
		h.Status = Broken
		if h.Detail != "" {
			why += "; " + h.Detail
		}
		h.Detail = why
		t.Verdict = fmt.Sprintf("broken at %s %s%s: %s", h.Kind, h.Object, on(h.Host), why)
		return
	}
	t.found(answers)
	t.answered(answers, last)
}

// found settles files that nobody could tell the existence of: nginx answered with one.
func (t *Trace) found(answers []*Answer) {
	for i := range t.Hops {
		h := &t.Hops[i]
		if h.Kind != "static" || h.Status != Unknown || i >= len(answers) || answers[i] == nil || answers[i].Err != "" || answers[i].Status >= 400 {
			continue
		}
		h.Status, h.Detail = OK, "a file of nginx, which is there"
		t.Verdict = verdict(t)
	}
}

// answered adds to the verdict what the last hop that could be asked answers.
func (t *Trace) answered(answers []*Answer, last int) {
	if last < 0 || t.Verdict == "" {
		return
	}
	what := "it"
	if h := t.Hops[last]; t.Status() != OK {
		what = h.Kind + " " + h.Object
	}
	if a := answers[last]; a.Err != "" {
		t.Verdict += fmt.Sprintf("; asked, %s gives no answer: %s", what, a.Err)
	} else {
		t.Verdict += fmt.Sprintf("; asked, %s answers %s", what, a)
	}
}

// breaks says how a hop breaks its promise, "" when it keeps it.
func (t *Trace) breaks(answers []*Answer, i int, end bool) string {
	a, ask := answers[i], t.Hops[i].Ask
	switch {
	case ask != nil && ask.Promise != 0 && a.Err == "":
		if a.Status != ask.Promise {
			return fmt.Sprintf("its configuration promises %d, it answered %s", ask.Promise, a)
		}
		if ask.Location != "" && a.Location != ask.Location {
			return fmt.Sprintf("its configuration promises a redirect to %s, it answered %s", ask.Location, a)
		}
		return ""
	case end && a.Err != "":
		return "it was asked and gave no answer: " + a.Err
	case end && a.Status >= 500:
		return fmt.Sprintf("it was asked and answered %s", a)
	case end && ask != nil && strings.EqualFold(ask.Headers["Upgrade"], "websocket") && a.Status != 101 && a.Status != 401 && a.Status != 403:
		return fmt.Sprintf("it was asked for a WebSocket and answered %s", a)
	case end && a.Status == 404 && t.Hops[i].Status == Unknown:
		return fmt.Sprintf("it was asked and answered %s", a) // what was in doubt does not know the path
	case end:
		return ""
	}
	for j := i + 1; j < len(answers); j++ {
		if answers[j] == nil {
			continue
		}
		next := answers[j]
		switch {
		case a.Err != "" && next.Err == "":
			return fmt.Sprintf("it gave no answer (%s), though %s %s behind it answers %s", a.Err, t.Hops[j].Kind, t.Hops[j].Object, next)
		case a.Err == "" && next.Err == "" && a.Status != next.Status:
			return fmt.Sprintf("it answered %s, though %s %s behind it answers %s", a, t.Hops[j].Kind, t.Hops[j].Object, next)
		}
		return ""
	}
	return ""
}
