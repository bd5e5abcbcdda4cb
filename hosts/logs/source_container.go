package logs

import (
	"context"
	"errors"
	"io"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/docker"
	"midwatch/hosts/logline"
)

// containerReader reads the log of one container.
type containerReader struct {
	from     Sources
	q        hosts.LogQuery
	src      hosts.LogSource
	names    *hosts.LogFields
	after    docker.LogCursor
	last     time.Time // of the newest line
	searched bool
	backlog  []hosts.Entry // found by a search, to be returned first
	lines    LineReader    // nil when there is nothing but the backlog
	resumed  bool          // nothing was read yet since reading went on behind a line
}

func (r *containerReader) open(ctx context.Context, c clock) error {
	if r.from.Container == nil {
		return errUnset
	}
	if r.q.Boot && c.boot.IsZero() {
		return errNoBoot
	}
	r.lines = nil
	if searches(&r.q) && !r.searched {
		if err := r.search(ctx); err != nil {
			return err
		}
		if !following(r.q) {
			return nil
		}
	}
	o := docker.LogOptions{Follow: following(r.q), After: r.after, Since: moment(r.q.Since, c), Until: moment(r.q.Until, c)}
	if r.q.Boot {
		o.Since = c.boot
	}
	if o.Since.IsZero() && !r.searched { // what is searched and has no line is read from its beginning
		o.Tail = tail(r.q)
	}
	var err error
	r.resumed = !r.after.At.IsZero()
	r.lines, err = r.from.Container(ctx, r.src.Host, r.src.Name, o)
	return err
}

// moment is one of ours by a host's clock.
func moment(t time.Time, c clock) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(c.offset)
}

// search finds the last lines that are wanted: the engine counts lines, not these.
func (r *containerReader) search(ctx context.Context) error {
	found, short, err := searchBack(ctx, &r.q, max(1000, 10*tail(r.q)), func(ctx context.Context, n int, take func(hosts.Entry)) error {
		lines, err := r.from.Container(ctx, r.src.Host, r.src.Name, docker.LogOptions{Tail: n})
		if err != nil {
			return err
		}
		defer func() { _ = lines.Close() }() // read to its end
		for {
			l, err := lines.Next()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			take(r.entry(&l))
		}
	})
	if err != nil {
		return err
	}
	r.searched, r.backlog = true, found
	if short {
		r.backlog = append([]hosts.Entry{searchedNote(r.src, r.last)}, found...)
	}
	return nil
}

func (r *containerReader) next() (hosts.Entry, error) {
	if len(r.backlog) > 0 {
		e := r.backlog[0]
		r.backlog = r.backlog[1:]
		return e, nil
	}
	if r.lines == nil {
		return hosts.Entry{}, io.EOF
	}
	l, err := r.lines.Next()
	if err != nil {
		return hosts.Entry{}, err
	}
	last := r.last
	e := r.entry(&l)
	if r.resumed {
		r.resumed = false
		if l.Gap {
			r.backlog = []hosts.Entry{e}
			return gap(r.src, last, "the log no longer has the line that reading had come to: it was rotated away, or the container is another one now"), nil
		}
	}
	return e, nil
}

// entry makes an entry of a line, and takes note of where it stands.
func (r *containerReader) entry(l *docker.LogLine) hosts.Entry {
	r.after = l.Cursor
	text := hosts.Clean(l.Text)
	at := l.Time
	if at.IsZero() {
		at = time.Now() // an engine without timestamps; the arrival is the best that is known
	}
	r.last = at
	return hosts.Entry{
		Time: at, Host: r.src.Host, Source: r.src, Level: logline.LevelAs(text, r.names), Text: text, Stderr: l.Stderr,
		Cursor: l.Cursor.String(),
	}
}

func (r *containerReader) close() {
	if r.lines != nil {
		_ = r.lines.Close() // nothing of it is wanted any more
	}
}

func (r *containerReader) over() string { return "the container does not run; waiting for it" }
