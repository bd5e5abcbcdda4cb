package logs

import (
	"context"
	"errors"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/tui/ui"
)

// token tells the messages of one screen from those of another; its address is what counts.
type token struct{ _ byte }

// feed is the stream that fills the buffer.
type feed struct {
	query  hosts.LogQuery
	gen    uint64 // of the stream asked for last; results of others are dropped
	state  feedState
	reason string          // why it failed, or how it ended
	since  time.Time       // when it was asked for
	back   time.Duration   // how long before that the query begins, where it was chosen so; else 0
	ctx    context.Context //nolint:containedctx // the stream's
	cancel context.CancelFunc
	stream hosts.LogStream
}

type feedState int

const (
	feedNone    feedState = iota // nothing was asked for: the picker is open
	feedOpening                  // Tail has not returned
	feedOpen                     // batches arrive
	feedEnded                    // the last batch came
	feedFailed                   // Tail or Next failed
)

// openedMsg is the answer to the wish for a stream.
type openedMsg struct {
	owner  *token
	gen    uint64
	stream hosts.LogStream
	err    error
}

// batchMsg is what arrived within a frame.
type batchMsg struct {
	owner *token
	gen   uint64
	batch hosts.LogBatch
	err   error
}

// openTail asks for a stream. It is closed when ctx ends, whether or not anyone still waits for it.
func openTail(ctx context.Context, logs ui.Logs, q hosts.LogQuery, owner *token, gen uint64) tea.Cmd {
	return func() tea.Msg {
		st, err := logs.Tail(ctx, q)
		if err != nil {
			return openedMsg{owner, gen, nil, err}
		}
		context.AfterFunc(ctx, func() {
			// Nobody is left to tell, and the stream's own end is all that is wanted.
			_ = st.Close()
		})
		return openedMsg{owner, gen, st, nil}
	}
}

// waitBatch waits for the next batch; one of these is in flight at a time.
func waitBatch(ctx context.Context, st hosts.LogStream, owner *token, gen uint64) tea.Cmd {
	return func() tea.Msg {
		b, err := st.Next(ctx)
		return batchMsg{owner, gen, b, err}
	}
}

// start closes the stream there is and asks for the one that query describes. The buffer is new.
func (s *Screen) start(q hosts.LogQuery) tea.Cmd {
	s.stopFeed()
	s.feed.query = q
	s.feed.gen++
	s.feed.since = s.deps.Now()
	s.feed.reason, s.feed.back = "", 0
	s.resetBuffer()
	if s.deps.Logs == nil {
		s.feed.state, s.feed.reason = feedFailed, "this console was started without log sources"
		return nil
	}
	s.feed.state = feedOpening
	s.feed.ctx, s.feed.cancel = context.WithCancel(s.ctx)
	return openTail(s.feed.ctx, s.deps.Logs, q, s.id, s.feed.gen)
}

func (s *Screen) stopFeed() {
	if s.feed.cancel != nil {
		s.feed.cancel()
	}
	s.feed.cancel, s.feed.stream = nil, nil
}

func (s *Screen) opened(m openedMsg) tea.Cmd {
	if m.owner != s.id || m.gen != s.feed.gen || s.feed.state != feedOpening {
		return nil // its context has ended, which closes it
	}
	if m.err != nil {
		s.endFeed(m.err)
		return nil
	}
	s.feed.stream, s.feed.state = m.stream, feedOpen
	return waitBatch(s.feed.ctx, m.stream, s.id, m.gen)
}

func (s *Screen) batch(m batchMsg) tea.Cmd {
	if m.owner != s.id || m.gen != s.feed.gen || s.feed.state != feedOpen {
		return nil
	}
	for i := range m.batch.Status {
		st := m.batch.Status[i]
		s.list.buf.sources[s.list.buf.sourceOf(st.Source)].status = st
	}
	s.list.buf.Append(s.deps.Now(), m.batch.Entries, m.batch.Dropped)
	cmd := tea.Batch(s.grown(), s.spillOut())
	if s.pane.kind == paneSources {
		s.pane.sources.refresh(s)
	}
	switch {
	case m.err != nil:
		s.endFeed(m.err)
		return cmd
	case m.batch.Done:
		s.feed.state, s.feed.reason = feedEnded, ""
		s.feed.cancel()
		return cmd
	}
	return tea.Batch(cmd, waitBatch(s.feed.ctx, s.feed.stream, s.id, m.gen))
}

func (s *Screen) endFeed(err error) {
	s.feed.state, s.feed.reason = feedFailed, ui.Clean(err.Error())
	if errors.Is(err, context.Canceled) { // the program is ending: nothing went wrong
		s.feed.state, s.feed.reason = feedEnded, "stopped"
	}
	if s.feed.cancel != nil {
		s.feed.cancel()
	}
}

// resetBuffer empties the screen for a new stream. Sources that were switched off stay off.
func (s *Screen) resetBuffer() {
	hidden := map[hosts.LogSource]bool{}
	if s.list.buf != nil {
		for i := range s.list.buf.sources {
			if src := &s.list.buf.sources[i]; src.hidden {
				hidden[src.LogSource] = true
			}
		}
	}
	s.list.buf = NewBuffer(s.budget)
	s.list.buf.namesOf, s.list.buf.spills = s.deps.LogFields, s.deps.Spill != nil
	s.spill.lines = 0
	s.list.fit.fields = s.list.buf.fields
	s.list.floor = 0
	s.look.from, s.look.to, s.zooms = 0, 0, nil
	s.rangeID = 0
	s.list.fit.void()
	s.page = pager{follow: true}
	s.marked = map[uint64]bool{}
	for _, src := range s.feed.query.Sources {
		s.list.buf.sources[s.list.buf.sourceOf(src)].hidden = hidden[src]
	}
	s.list.last = nil
	s.rescan()
}

// grown follows the buffer after it changed: scans go on, and the reader's place stays on its lines
// whatever was inserted above them or dropped.
func (s *Screen) grown() tea.Cmd {
	b := s.list.buf
	if s.epoch != b.epoch {
		s.epoch = b.epoch
		if s.list.floor > 0 {
			if pos := b.locate(s.floorID, s.list.floor-1); pos >= 0 {
				s.list.floor = pos + 1
			}
		}
		s.keepPlace()
		return s.rescan()
	}
	if len(b.sources) != s.seenSources { // the predicates know sources by index
		s.keepPlace()
		return s.rescan()
	}
	var cmds [2]tea.Cmd
	for i, sc := range [...]*scan{s.list.filter, s.find.scan} {
		if sc != nil {
			sc.follow(b)
			cmds[i] = sc.next(b)
		}
	}
	s.keepPlace()
	return tea.Batch(cmds[0], cmds[1])
}

func (s *Screen) keepPlace() {
	if s.page.follow {
		return
	}
	b := s.list.buf
	if pos := b.locate(s.page.topID, s.page.top); pos >= 0 {
		s.page.top = pos
	} else {
		s.page.top, s.page.topRow = b.First(), 0
	}
	if pos := b.locate(s.page.cursID, s.page.cursor); pos >= 0 {
		s.page.cursor = pos
	} else {
		s.page.cursor = b.First()
	}
	s.page.mend(&s.list, s.bodyH())
	s.noteIDs()
}

// noteIDs remembers which lines the reader's place is on.
func (s *Screen) noteIDs() {
	if s.page.follow {
		return
	}
	if l, ok := s.list.buf.at(s.page.top); ok {
		s.page.topID = l.id
	}
	if l, ok := s.list.buf.at(s.page.cursor); ok {
		s.page.cursID = l.id
	}
}
