package logs

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/docker"
)

// Runner is what journald and files are read through; every hosts.Conn is one.
type Runner interface {
	Run(ctx context.Context, c hosts.Cmd) (hosts.Result, error)
	Stream(ctx context.Context, c hosts.Cmd) (hosts.Stream, error)
}

// LineReader reads the lines of one container; io.EOF is the regular end.
type LineReader interface {
	Next() (docker.LogLine, error)
	Close() error
}

// Sources is where a stream finds the hosts. A func that is nil makes its kind of source fail.
type Sources struct {
	// Runner returns the connection of a host.
	Runner func(ctx context.Context, host string) (Runner, error)
	// Container opens the log of a container; use Docker to make one of a client.
	Container func(ctx context.Context, host, name string, o docker.LogOptions) (LineReader, error)
	// Clock returns how far a host's clock is ahead of ours, and the bound of that measurement's error, as
	// far as it is known; where it is not, the stream measures it itself. Nil knows nothing.
	Clock func(host string) (offset, within time.Duration, known bool)
	// Sudo reports whether journalctl is to be run as root on a host; nil means nowhere.
	Sudo func(host string) bool
	// Own tells what is known of a host beside its logs.
	Own func(src hosts.LogSource) Teller
	// Fields are the names that the lines of a source have for their time, level and message; nil, of a
	// source or of all, for the usual ones.
	Fields func(src hosts.LogSource) *hosts.LogFields
}

func (s *Sources) fields(src hosts.LogSource) *hosts.LogFields {
	if s.Fields == nil {
		return nil
	}
	return s.Fields(src)
}

// Docker makes Sources.Container of a func that finds a host's engine.
func Docker(client func(ctx context.Context, host string) (*docker.Client, error)) func(context.Context, string, string, docker.LogOptions) (LineReader, error) {
	return func(ctx context.Context, host, name string, o docker.LogOptions) (LineReader, error) {
		c, err := client(ctx, host)
		if err != nil {
			return nil, err
		}
		r, err := c.Logs(ctx, name, o)
		if err != nil {
			return nil, err // not r: a nil pointer in an interface is not nil
		}
		return r, nil
	}
}

// stream is the one implementation of hosts.LogStream here.
type stream struct {
	q      hosts.LogQuery
	from   Sources
	ctx    context.Context //nolint:containedctx // the stream's own, for sources that join later
	cancel context.CancelFunc
	wg     sync.WaitGroup
	rights *rights
	clocks *clocks
	start  time.Time     // moments are counted from here
	wake   chan struct{} // capacity 1: something changed

	mu      sync.Mutex // guards everything below
	room    *sync.Cond // on mu: something was taken, or the context ended
	queues  []*queue
	pool    pool
	merge   merger
	changed bool // a status differs from what was last delivered
	running int
	closed  bool          // Close was called: nothing is started any more
	sent    time.Duration // when the last batch was returned
	rests   bool          // it held all that was due: the next one comes a frame later
}

// Open starts reading. It returns at once; what a source is doing, or why it cannot be read, is in
// the status of the batches. Close must be called.
func Open(ctx context.Context, from Sources, q hosts.LogQuery) hosts.LogStream {
	ctx, cancel := context.WithCancel(ctx)
	s := &stream{
		q: q, from: from, ctx: ctx, cancel: cancel, wake: make(chan struct{}, 1), changed: true, start: time.Now(),
		rights: newRights(), clocks: newClocks(from), merge: merger{follow: following(q)},
	}
	s.room = sync.NewCond(&s.mu)
	seen := map[string]bool{}
	for _, src := range q.Sources {
		if seen[src.Key()] {
			continue
		}
		seen[src.Key()] = true
		qu := s.queue(src)
		s.queues = append(s.queues, qu)
	}
	s.running = len(s.queues)
	for _, qu := range s.queues {
		s.wg.Go(func() { s.run(ctx, qu, q) })
	}
	return s
}

func (s *stream) queue(src hosts.LogSource) *queue {
	return &queue{src: src, start: s.start, pool: &s.pool, meter: meter{at: s.now()}, status: hosts.LogStatus{Source: src, State: stateConnecting}}
}

// now is the time since the stream began.
func (s *stream) now() time.Duration { return time.Since(s.start) }

// Adder is a stream that takes more sources while it runs. What Open returns is one.
type Adder interface {
	// Add reads one more source from now on, and reports whether it was none of the stream yet. What it
	// wrote before counts as of the start of the query: a container that is new is read from its first
	// line, as far as Tail and Since go.
	Add(src hosts.LogSource) bool
}

// joinTail is how many lines of a source that joins are read at least: it may have written some of its
// own before anybody knew of it.
const joinTail = 200

// Add implements Adder.
func (s *stream) Add(src hosts.LogSource) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.ctx.Err() != nil {
		return false
	}
	for _, qu := range s.queues {
		if qu.src.Key() == src.Key() {
			return false
		}
	}
	q := s.q
	q.Tail = max(q.Tail, joinTail)
	qu := s.queue(src)
	s.queues = append(s.queues, qu)
	s.running++
	s.changed = true
	s.wg.Go(func() { s.run(s.ctx, qu, q) })
	return true
}

// run reads one source until the context ends or there is nothing more, and survives a panic in it.
func (s *stream) run(ctx context.Context, qu *queue, q hosts.LogQuery) {
	defer func() {
		if p := recover(); p != nil {
			s.setState(qu, stateFailed, fmt.Sprintf("fault of the reader, please report: %v at %s", p, where()))
		}
		s.mu.Lock()
		s.running--
		qu.ended = true
		s.mu.Unlock()
		s.poke()
	}()
	switch qu.src.Kind {
	case hosts.LogContainer:
		s.read(ctx, qu, &containerReader{from: s.from, q: q, src: qu.src, names: s.from.fields(qu.src)})
	case hosts.LogUnit, hosts.LogJournal:
		asked := make(chan struct{})
		s.wg.Go(func() {
			defer close(asked)
			s.remark(qu, s.rights.missing(ctx, qu.src.Host, s.from))
		})
		s.read(ctx, qu, &journalReader{from: s.from, q: q, src: qu.src, names: s.from.fields(qu.src)})
		<-asked // the last status must not lack it
	case hosts.LogFile:
		s.read(ctx, qu, &fileReader{from: s.from, q: q, src: qu.src, names: s.from.fields(qu.src)})
	case hosts.LogEvents, hosts.LogProbes:
		s.readOwn(ctx, qu, q)
	default:
		s.setState(qu, stateFailed, "no reader for a source of kind "+qu.src.Kind.String())
	}
}

// where names the place of a panic: the first file below the runtime's own frames.
func where() string {
	_, stack, _ := strings.Cut(string(debug.Stack()), "panic(")
	for line := range strings.Lines(stack) {
		if line = strings.TrimSpace(line); strings.Contains(line, ".go:") && !strings.Contains("/"+line, "/runtime/") {
			return line
		}
	}
	return "an unknown place"
}

// push adds one entry, and waits for the reader where too many wait already: what is not read fast enough
// stays at its source. on says that e continues the entry before it, which it joins where nobody has taken
// that yet.
func (s *stream) push(ctx context.Context, qu *queue, e hosts.Entry, on bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if qu.over(len(s.queues)) {
		if err := s.waitForRoom(ctx, qu); err != nil {
			return err
		}
	}
	if on && qu.grow(&e) {
		return nil
	}
	qu.push(e, s.now())
	if qu.len() == 1 { // a reader that waits knows of all others already
		s.poke()
	}
	return nil
}

func (s *stream) waitForRoom(ctx context.Context, qu *queue) error {
	s.poke()
	// On this very context: one above it may be done before it is.
	defer context.AfterFunc(ctx, s.makeRoom)()
	for qu.over(len(s.queues)) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.room.Wait()
	}
	return nil
}

func (s *stream) makeRoom() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.room.Broadcast()
}

func (s *stream) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// The states of a source, as hosts.LogStatus has them.
const (
	stateConnecting = "connecting"
	stateFollowing  = "following"
	stateEnded      = "ended"
	stateFailed     = "failed"
	stateRetrying   = "retrying"
)

func (s *stream) setState(qu *queue, state, reason string) {
	s.mu.Lock()
	// A source that waits delivers nothing for now, so its neighbours do not wait for it.
	qu.ended = state != stateFollowing && state != stateConnecting
	if !qu.ready {
		qu.opened, qu.ready = s.now(), true
	}
	if reason == "" && state != stateConnecting {
		reason = qu.note
	}
	if qu.status.State != state || qu.status.Reason != reason {
		qu.status.State, qu.status.Reason = state, reason
		s.changed = true
	}
	s.mu.Unlock()
	s.poke()
}

// remark sets what is to be known of a source while nothing else is wrong with it.
func (s *stream) remark(qu *queue, note string) {
	s.mu.Lock()
	qu.note = note
	if qu.status.Reason == "" && note != "" {
		qu.status.Reason, s.changed = note, true
	}
	s.mu.Unlock()
	s.poke()
}

// opened notes that a source was opened; again says that reading goes on after a cut.
func (s *stream) opened(qu *queue, offset time.Duration, again bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	qu.since = s.now()
	if again {
		qu.status.Resumed++
	}
	if qu.status.Offset != offset {
		qu.status.Offset, s.changed = offset, true
	}
}

// clockSet notes that a host's clock is off by another amount.
func (s *stream) clockSet(qu *queue, offset time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	qu.status.Offset, s.changed = offset, true
}

// Next implements hosts.LogStream.
func (s *stream) Next(ctx context.Context) (hosts.LogBatch, error) {
	timer := time.NewTimer(frame)
	defer timer.Stop()
	for {
		b, wait, wake := s.batch(s.now())
		if wait == 0 {
			return b, nil
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return hosts.LogBatch{}, ctx.Err()
		case <-timer.C:
		case <-wake:
		}
	}
}

// batch returns what is due, or else how long to wait before looking again and what may come first:
// within a frame nothing, so that a busy source does not make us look at every line of it.
func (s *stream) batch(now time.Duration) (hosts.LogBatch, time.Duration, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if since := now - s.sent; s.rests && since < frame {
		return hosts.LogBatch{}, frame - since, nil
	}
	waits := 0
	moving := false
	for _, qu := range s.queues {
		waits += qu.len()
		s.changed = qu.rate(now) || s.changed
		moving = moving || qu.status.Rate > 0
	}
	out, due, wait := s.merge.take(s.queues, now, make([]hosts.Entry, 0, min(waits, batchEntries)))
	// A followed stream without a source waits for one to be added.
	done := s.running == 0 && s.empty() && (len(s.queues) > 0 || !s.merge.follow)
	if len(out) == 0 && !s.changed && !done {
		switch {
		case wait:
			return hosts.LogBatch{}, due - now, s.wake
		case moving: // a rate that falls is told when nothing else is
			return hosts.LogBatch{}, measured, s.wake
		}
		return hosts.LogBatch{}, time.Hour, s.wake
	}
	b := hosts.LogBatch{Entries: out, Done: done, Status: make([]hosts.LogStatus, 0, len(s.queues))}
	for _, qu := range s.queues {
		qu.status.Waiting = qu.len()
		b.Status = append(b.Status, qu.status)
	}
	s.changed = false
	if len(out) > 0 { // what is only said of sources must not delay the next line
		s.sent, s.rests = now, !wait || due > now
	}
	s.room.Broadcast()
	return b, 0, nil
}

func (s *stream) empty() bool {
	for _, qu := range s.queues {
		if qu.len() > 0 {
			return false
		}
	}
	return true
}

// Close implements hosts.LogStream: it ends all reading and waits for it.
func (s *stream) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.wg.Wait()
	return nil
}

var (
	_ hosts.LogStream = (*stream)(nil)
	_ Adder           = (*stream)(nil)
)
