package logs

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/docker"
)

// reader is one source. It remembers the last line it returned, and open goes on behind it. Its lines bear
// the host's own times: the clock is what their moments are told from.
type reader interface {
	open(ctx context.Context, c clock) error
	// next returns a line; io.EOF is the regular end, errAgain the end of a part.
	next() (hosts.Entry, error)
	close()
	// over says why the log of this source has ended, for io.EOF while following.
	over() string
}

// The pauses before a source is opened again.
const (
	firstPause  = 500 * time.Millisecond
	longPause   = 10 * time.Second
	stopPause   = 2 * time.Second  // a stopped container may start any moment
	brokenPause = 30 * time.Second // what needs a person to be mended
	settle      = 300 * time.Millisecond
)

// yieldLines is how many lines of a source are read before others have their turn. A source with a backlog
// reads without a pause, and what answers a key would wait until it is interrupted: ten milliseconds for each
// such source.
const yieldLines = 128

// errAgain asks for an immediate second try: the reader has learnt what the host cannot do, or goes on with
// the next file.
var errAgain = errors.New("try again without an option")

// read is the life of one source.
func (s *stream) read(ctx context.Context, qu *queue, r reader) {
	s.setState(qu, stateConnecting, "")
	pause := firstPause
	cut := false
	for {
		lines, err := s.readOnce(ctx, qu, r, cut)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errAgain) {
			cut = false
			continue
		}
		cut = !errors.Is(err, io.EOF) && (cut || qu.delivered(s))
		if lines > 0 {
			pause = firstPause
		}
		if !following(s.q) {
			if errors.Is(err, io.EOF) {
				s.setState(qu, stateEnded, "")
			} else {
				s.setState(qu, stateFailed, reason(err))
			}
			return
		}
		wait := pause + rand.N(pause/4) //nolint:gosec // jitter, not a secret
		switch {
		case errors.Is(err, io.EOF):
			s.setState(qu, stateEnded, r.over())
			wait = stopPause
		case permanent(err):
			s.setState(qu, stateFailed, reason(err))
			wait = brokenPause
		default:
			s.setState(qu, stateRetrying, reason(err))
			pause = min(2*pause, longPause)
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
	}
}

// readOnce opens a source and reads it to the end of the connection; again says that it goes on after a cut.
func (s *stream) readOnce(ctx context.Context, qu *queue, r reader, again bool) (lines int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := s.clocks.of(ctx, qu.src.Host, s.q.Boot)
	if err := r.open(ctx, c); err != nil {
		return 0, err
	}
	defer r.close()
	s.opened(qu, c.offset, again)
	// The log of a stopped container can be opened and ends at once; that it is followed is said
	// when it lasts.
	settled := time.AfterFunc(settle, func() { s.setState(qu, stateFollowing, "") })
	defer settled.Stop()
	records := recorder{s: s, qu: qu, offset: c.offset, looked: time.Now()}
	for {
		e, err := r.next()
		if err != nil {
			return lines, errors.Join(err, records.flush(ctx))
		}
		lines++
		if lines%yieldLines == 0 {
			runtime.Gosched()
		}
		if lines == 1 && settled.Stop() {
			s.setState(qu, stateFollowing, "")
		}
		if err := records.take(ctx, e); err != nil {
			return lines, err
		}
	}
}

// recorder makes records of the lines of one connection and hands them to the queue.
type recorder struct {
	s       *stream
	qu      *queue
	join    joiner
	pending *hosts.Entry // a record that may go on; only when nobody waits for it
	offset  time.Duration
	looked  time.Time // when the offset was last asked for
}

// take takes a line. While following it is handed on at once, and joins its record where that still
// waits in the queue; otherwise a record is handed on when the next one begins, so that a text is
// looked for in the whole of it.
func (r *recorder) take(ctx context.Context, e hosts.Entry) error {
	e.Offset = r.clock()
	on := r.join.goesOn(&e)
	if !following(r.s.q) {
		if on && r.pending != nil {
			join(r.pending, &e)
			return nil
		}
		err := r.flush(ctx)
		r.pending = &e
		return err
	}
	if !on || !r.join.passed {
		r.join.passed = wanted(&r.s.q, &e)
		on = false
	}
	if !r.join.passed {
		return nil
	}
	return r.s.push(ctx, r.qu, e, on)
}

// flush hands on the record that was waited with.
func (r *recorder) flush(ctx context.Context) error {
	e := r.pending
	r.pending = nil
	if e == nil || !wanted(&r.s.q, e) {
		return nil
	}
	return r.s.push(ctx, r.qu, *e, false)
}

// clock is the offset of the host's clock, looked up anew from time to time: it drifts, and is set.
func (r *recorder) clock() time.Duration {
	if r.s.from.Clock == nil {
		return r.offset
	}
	if now := time.Now(); now.Sub(r.looked) > measured {
		r.looked = now
		if offset, known := r.s.clocks.told(r.qu.src.Host); known && offset != r.offset {
			r.offset = offset
			r.s.clockSet(r.qu, offset)
		}
	}
	return r.offset
}

// permanent reports errors that waiting does not mend.
func permanent(err error) bool {
	for _, target := range []error{
		hosts.ErrNotAllowed, hosts.ErrMissing, hosts.ErrNoSudo, hosts.ErrAuth, hosts.ErrHostKey,
		docker.ErrUnsupported, errUnset,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// reason is the one line of a status.
func reason(err error) string {
	if errors.Is(err, io.EOF) {
		return "the stream was cut"
	}
	return hosts.CleanLine(err.Error())
}

// errUnset is a source whose host offers no way to read it.
var errUnset = errors.New("this host has no way to read such a source")
