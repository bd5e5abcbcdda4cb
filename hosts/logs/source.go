package logs

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/docker"
	"midwatch/hosts/logline"
)

// reader is one source. It remembers the last line it returned, and open goes on behind it.
type reader interface {
	open(ctx context.Context) error
	// next returns a line; io.EOF is the regular end.
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

// errAgain asks for an immediate second try: the reader has learnt what the host cannot do.
var errAgain = errors.New("try again without an option")

// read is the life of one source.
func (s *stream) read(ctx context.Context, qu *queue, r reader) {
	s.setState(qu, stateConnecting, "")
	pause := firstPause
	for {
		lines, err := s.readOnce(ctx, qu, r)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errAgain) {
			continue
		}
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

// readOnce opens a source and reads it to the end of the connection.
func (s *stream) readOnce(ctx context.Context, qu *queue, r reader) (lines int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := r.open(ctx); err != nil {
		return 0, err
	}
	defer r.close()
	// The log of a stopped container can be opened and ends at once; that it is followed is said
	// when it lasts.
	settled := time.AfterFunc(settle, func() { s.setState(qu, stateFollowing, "") })
	defer settled.Stop()
	records := recorder{s: s, qu: qu}
	for {
		e, err := r.next()
		if err != nil {
			return lines, errors.Join(err, records.flush(ctx))
		}
		lines++
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
}

// take takes a line. While following it is handed on at once, and joins its record where that still
// waits in the queue; otherwise a record is handed on when the next one begins, so that a text is
// looked for in the whole of it.
func (r *recorder) take(ctx context.Context, e hosts.Entry) error {
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
		r.join.passed = r.wanted(&e)
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
	if e == nil || !r.wanted(e) {
		return nil
	}
	return r.s.push(ctx, r.qu, *e, false)
}

func (r *recorder) wanted(e *hosts.Entry) bool {
	return r.s.q.Grep == "" || strings.Contains(e.Text, r.s.q.Grep)
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

// containerReader reads the log of one container.
type containerReader struct {
	from  Sources
	q     hosts.LogQuery
	src   hosts.LogSource
	after docker.LogCursor
	lines LineReader
}

func (r *containerReader) open(ctx context.Context) error {
	if r.from.Container == nil {
		return errUnset
	}
	o := docker.LogOptions{Follow: following(r.q), Since: r.q.Since, Until: r.q.Until, After: r.after}
	if r.q.Since.IsZero() {
		o.Tail = tail(r.q)
	}
	var err error
	r.lines, err = r.from.Container(ctx, r.src.Host, r.src.Name, o)
	return err
}

func (r *containerReader) next() (hosts.Entry, error) {
	l, err := r.lines.Next()
	if err != nil {
		return hosts.Entry{}, err
	}
	r.after = l.Cursor
	text := hosts.Clean(l.Text)
	at := l.Time
	if at.IsZero() {
		at = time.Now() // an engine without timestamps; the arrival is the best that is known
	}
	return hosts.Entry{
		Time: at, Host: r.src.Host, Source: r.src, Level: logline.Level(text), Text: text, Stderr: l.Stderr,
		Cursor: l.Cursor.String(),
	}, nil
}

func (r *containerReader) close()       { _ = r.lines.Close() }
func (r *containerReader) over() string { return "the container does not run; waiting for it" }
