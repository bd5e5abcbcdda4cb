package trace

import (
	"context"
	"fmt"
	"slices"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	chk "midwatch/checks/trace"
	"midwatch/hosts"
	"midwatch/tui/ui"
)

// live is what the hops answered when they were asked. The answers stay by the question, so that a
// trace that is worked out again keeps those of the hops that are the same.
type live struct {
	gen     uint64
	cancel  context.CancelFunc
	wait    map[string]bool // questions that are out
	answers map[string]*chk.Answer
	asked   int
	at      time.Time // when the last answer came; zero while some are out or none were
	given   string    // why not all was asked: "cancelled"
}

func (l *live) waiting() int { return len(l.wait) }

// hopKey names the question that a hop is asked.
func hopKey(i int, h chk.Hop) string {
	if h.Ask == nil {
		return ""
	}
	a := h.Ask
	return fmt.Sprint(i, h.Kind, h.Host, h.Object, a.From, a.Network, a.Address, a.Host, a.Method, a.URI)
}

type askedMsg struct {
	owner  *Screen
	gen    uint64
	key    string
	answer *chk.Answer // nil: it cannot be asked
}

func askHop(ctx context.Context, owner *Screen, gen uint64, by ui.Tracer, key string, h chk.Hop) tea.Cmd {
	return func() tea.Msg { return askedMsg{owner, gen, key, by.Ask(ctx, h)} }
}

// noLive says why the hops cannot be asked.
func (s *Screen) noLive() string {
	switch {
	case s.now.trace == nil:
		return "nothing is traced"
	case s.d.Tracer == nil:
		return "there is nobody to ask with here"
	case !chk.Safe(s.req.method()):
		return s.req.method() + " could change something: hops are asked with GET, HEAD or OPTIONS only"
	}
	return s.d.Tracer.NoLive()
}

// askLive asks every hop that can be asked, all at the same time, each from the host before it.
func (s *Screen) askLive() tea.Cmd {
	if s.live.waiting() > 0 {
		s.cancelLive()
		s.rebuild()
		return ui.Toast(hosts.LevelInfo, "asking was cancelled")
	}
	s.live = live{gen: s.live.gen + 1, wait: map[string]bool{}, answers: map[string]*chk.Answer{}}
	ctx, cancel := context.WithCancel(s.ctx)
	s.live.cancel = cancel
	var cmds []tea.Cmd
	for i, h := range s.now.trace.Hops {
		key := hopKey(i, h)
		if key == "" {
			continue
		}
		s.live.wait[key] = true
		cmds = append(cmds, askHop(ctx, s, s.live.gen, s.d.Tracer, key, h))
	}
	s.live.asked = len(cmds)
	s.judge()
	s.rebuild()
	if len(cmds) == 0 {
		cancel()
		return ui.Toast(hosts.LevelInfo, "no hop of this way can be asked")
	}
	return tea.Batch(cmds...)
}

func (s *Screen) asked(m askedMsg) tea.Cmd {
	if m.owner != s || m.gen != s.live.gen || !s.live.wait[m.key] {
		return nil
	}
	delete(s.live.wait, m.key)
	if m.answer != nil {
		s.live.answers[m.key] = m.answer
	}
	if s.live.waiting() == 0 {
		s.live.at = s.d.Now()
		s.live.cancel()
	}
	s.judge()
	s.rebuild()
	return nil
}

// cancelLive gives up what has not answered yet; what came is kept, and nothing is concluded from it.
func (s *Screen) cancelLive() {
	if s.live.waiting() == 0 {
		return
	}
	s.live.cancel()
	s.live.wait = nil
	s.live.given = "cancelled"
	s.live.at = s.d.Now()
}

// judge joins the trace with the answers. Only when all answered is anything concluded: a hop whose
// neighbour is still silent has broken no promise.
func (s *Screen) judge() {
	t := s.now.trace
	if t == nil {
		s.now.shown = nil
		return
	}
	shown := &chk.Trace{URL: t.URL, Verdict: t.Verdict, Hops: slices.Clone(t.Hops)}
	s.now.shown = shown
	answers := make([]*chk.Answer, len(t.Hops))
	some := false
	for i, h := range t.Hops {
		if a := s.live.answers[hopKey(i, h)]; a != nil {
			answers[i], some = a, true
		}
	}
	switch {
	case !some:
	case s.live.waiting() == 0 && s.live.given == "":
		shown.Judge(answers)
	default:
		for i, a := range answers {
			if a != nil {
				shown.Hops[i].Live = a.String()
			}
		}
	}
}

// liveNote says how far asking is, or how long ago it was.
func (s *Screen) liveNote() string {
	l := &s.live
	switch {
	case l.waiting() > 0:
		return fmt.Sprintf("asking: %d of %d answered, esc cancels", l.asked-l.waiting(), l.asked)
	case l.given != "":
		return fmt.Sprintf("asking was %s: %d of %d answered", l.given, len(l.answers), l.asked)
	case !l.at.IsZero():
		return fmt.Sprintf("%s asked %s ago", ui.Count(l.asked, "hop"), ui.AgeOf(l.at, s.d.Now()))
	}
	return ""
}
