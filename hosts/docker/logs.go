package docker

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
)

const (
	// MaxLine is how much of one line is kept, in bytes; the rest is counted and left out.
	MaxLine = 1 << 20
	// chunk is where the engine splits a longer line of a container; with timestamps on, each piece
	// carries one of its own.
	chunk = 16 << 10
	// stampLen bounds "2026-11-29T04:24:18.573267720Z " and its forms with an offset.
	stampLen = 40
)

// LogOptions narrows a log.
type LogOptions struct {
	Follow       bool
	Since, Until time.Time // by the engine's clock; zero for no bound
	Tail         int       // last lines; 0 for all
	After        LogCursor // go on behind this line; replaces Since and Tail
}

// LogCursor is a place in a container's log: the N-th line that bears the time At. The engine can
// only be asked for lines from a time on, and several lines may bear the same.
type LogCursor struct {
	At time.Time
	N  int
}

// String is the form that ParseLogCursor reads.
func (c LogCursor) String() string {
	if c.At.IsZero() {
		return ""
	}
	return c.At.UTC().Format(time.RFC3339Nano) + "#" + strconv.Itoa(c.N)
}

// ParseLogCursor reads what String wrote; "" is the zero cursor.
func ParseLogCursor(s string) (LogCursor, error) {
	if s == "" {
		return LogCursor{}, nil
	}
	at, n, _ := strings.Cut(s, "#")
	t, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		return LogCursor{}, fmt.Errorf("log cursor %q: %w", s, err)
	}
	i, err := strconv.Atoi(n)
	if err != nil || i < 0 {
		return LogCursor{}, fmt.Errorf("log cursor %q: no line number", s)
	}
	return LogCursor{t, i}, nil
}

// LogLine is one line of a container's log.
type LogLine struct {
	Time   time.Time // by the engine's clock; zero when the engine gave none
	Stderr bool
	Text   string // without the line end, as the container wrote it: not cleaned
	Cursor LogCursor
	// Gap is set on the first line behind LogOptions.After when the log no longer has the line of that
	// cursor: what stood between the two is not known.
	Gap bool
}

// LogReader reads lines; it belongs to one goroutine, except Close.
type LogReader struct {
	c      *Client
	ctx    context.Context //nolint:containedctx // the reader is the stream's life
	cancel context.CancelFunc
	body   io.ReadCloser
	br     *bufio.Reader
	op     string
	skip   LogCursor // lines up to here were delivered by an earlier reader
	cur    LogCursor
	mode   byte // 0 not known yet, 'm' multiplexed, 'r' raw (a container with a terminal)
	ready  []LogLine
	parts  [2]partial // stdout, stderr
	err    error
}

// partial is a line that has begun.
type partial struct {
	at   time.Time
	text []byte
	cut  int // bytes left out
	open bool
}

// Logs opens the log of a container by name or ID (GET /containers/ID/logs). The context bounds the
// whole stream; Close ends it too.
func (c *Client) Logs(ctx context.Context, id string, o LogOptions) (*LogReader, error) {
	if err := c.checkID("logs", id); err != nil {
		return nil, err
	}
	q := url.Values{"stdout": {"1"}, "stderr": {"1"}, "timestamps": {"1"}, "tail": {"all"}}
	if o.Follow {
		q.Set("follow", "1")
	}
	if o.Tail > 0 {
		q.Set("tail", strconv.Itoa(o.Tail))
	}
	if !o.Since.IsZero() {
		q.Set("since", stamp(o.Since))
	}
	if !o.After.At.IsZero() {
		q.Set("since", stamp(o.After.At))
		q.Set("tail", "all")
	}
	if !o.Until.IsZero() {
		q.Set("until", stamp(o.Until))
	}
	ctx, cancel := context.WithCancel(ctx)
	resp, err := c.open(ctx, "logs "+id, "/containers/"+id+"/logs", q) //nolint:bodyclose // the reader closes it
	if err != nil {
		cancel()
		return nil, err
	}
	return &LogReader{
		c: c, ctx: ctx, cancel: cancel, body: resp.Body, br: bufio.NewReaderSize(resp.Body, 32<<10),
		op: "logs " + id, skip: o.After, cur: o.After,
	}, nil
}

// open sends a GET for a stream: the deadline is that of the headers, not of the body.
func (c *Client) open(ctx context.Context, op, path string, q url.Values) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	late := time.AfterFunc(c.p.Timeout, func() { cancel(hosts.ErrTimeout) })
	resp, err := c.get(ctx, c.long, op, path, q)
	if !late.Stop() && err == nil {
		_ = resp.Body.Close()
		err = hosts.ErrTimeout
	}
	if err != nil {
		if errors.Is(context.Cause(ctx), hosts.ErrTimeout) {
			err = &Error{Op: op, Host: c.p.Host, Text: hosts.ErrTimeout.Error(), kind: hosts.ErrTimeout, cause: err}
		}
		cancel(nil)
		return nil, err
	}
	resp.Body = &cancelBody{resp.Body, cancel}
	return resp, nil
}

// cancelBody frees the context of a stream when it is closed.
type cancelBody struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

func (b *cancelBody) Close() error {
	b.cancel(nil)
	return b.ReadCloser.Close()
}

// stamp is a time as the API takes it.
func stamp(t time.Time) string {
	return strconv.FormatInt(t.Unix(), 10) + "." + nanos(int64(t.Nanosecond()))
}

// Close ends the stream; a Next that waits returns.
func (r *LogReader) Close() error {
	r.cancel()
	return r.body.Close()
}

// Next returns the next line. io.EOF is the regular end: of the log, or of a followed container's
// run.
func (r *LogReader) Next() (LogLine, error) {
	for {
		for len(r.ready) > 0 {
			l := r.ready[0]
			r.ready = r.ready[1:]
			if r.place(&l) {
				return l, nil
			}
		}
		r.ready = nil
		if r.err != nil {
			return LogLine{}, r.err
		}
		if err := r.step(); err != nil {
			r.flush()
			r.err = r.end(err)
		}
	}
}

func (r *LogReader) end(err error) error {
	switch {
	case r.ctx.Err() != nil:
		return r.ctx.Err()
	case errors.Is(err, io.EOF):
		return io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{Op: r.op, Host: r.c.p.Host, Text: "stream cut", kind: hosts.ErrClosed, cause: err}
	default:
		return r.c.explain(r.ctx, r.op, err)
	}
}

// place gives a line its cursor and reports whether it is new.
func (r *LogReader) place(l *LogLine) bool {
	if l.Time.IsZero() {
		l.Cursor = r.cur
		return true
	}
	if !r.skip.At.IsZero() {
		if l.Time.Before(r.skip.At) {
			return false
		}
		if l.Time.Equal(r.skip.At) && r.skip.N > 0 {
			r.skip.N--
			return false
		}
		l.Gap = r.skip.N > 0
		r.skip = LogCursor{}
	}
	switch {
	case l.Time.After(r.cur.At):
		r.cur = LogCursor{l.Time, 1}
	case l.Time.Equal(r.cur.At):
		r.cur.N++
	}
	l.Cursor = r.cur
	return true
}

// step reads one frame, or one piece of a raw stream.
func (r *LogReader) step() error {
	if r.mode == 0 {
		// Every line begins with a timestamp, and so with a digit, unless there are frames, which
		// begin with a stream number below four. Engines before API 1.42 say it in no header.
		first, err := r.br.Peek(1)
		if err != nil {
			return err
		}
		r.mode = 'r'
		if first[0] < 4 {
			r.mode = 'm'
		}
	}
	if r.mode == 'r' {
		return r.rawStep()
	}
	var head [8]byte
	if _, err := io.ReadFull(r.br, head[:]); err != nil {
		return err
	}
	size := int64(binary.BigEndian.Uint32(head[4:]))
	keep := min(size, MaxLine+stampLen)
	frame := make([]byte, keep)
	if _, err := io.ReadFull(r.br, frame); err != nil {
		return noEOF(err)
	}
	over := size - keep
	if over > 0 {
		if _, err := io.CopyN(io.Discard, r.br, over-1); err != nil {
			return noEOF(err)
		}
		last, err := r.br.ReadByte() // the line end, as a rule
		if err != nil {
			return noEOF(err)
		}
		frame, over = append(frame, last), over-1
	}
	switch head[0] {
	case 0, 1:
		r.frame(0, frame, int(over))
	case 2:
		r.frame(1, frame, int(over))
	case 3: // the engine's own complaint about the stream
		return &Error{Op: r.op, Host: r.c.p.Host, Text: oneLine(string(frame))}
	default:
		return &Error{Op: r.op, Host: r.c.p.Host, Text: fmt.Sprintf("no such stream as %d in the answer", head[0])}
	}
	return nil
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// frame takes what one frame holds: a line, a piece of one, or several.
func (r *LogReader) frame(stream int, b []byte, over int) {
	for len(b) > 0 {
		piece, rest, whole := cutLine(b)
		at, text := splitStamp(piece)
		r.add(stream, at, text)
		if len(rest) == 0 {
			r.parts[stream].cut += over
		}
		if whole {
			r.finish(stream)
		}
		b = rest
	}
}

func cutLine(b []byte) (line, rest []byte, whole bool) {
	for i, c := range b {
		if c == '\n' {
			return b[:i], b[i+1:], true
		}
	}
	return b, nil, false
}

// rawStep reads a raw stream up to a line end or a full buffer.
func (r *LogReader) rawStep() error {
	b, err := r.br.ReadSlice('\n')
	if len(b) > 0 {
		p := &r.parts[0]
		whole := b[len(b)-1] == '\n'
		if whole {
			b = b[:len(b)-1]
		}
		if !p.open {
			at, text := splitStamp(b)
			r.add(0, at, text)
		} else {
			r.add(0, time.Time{}, b)
		}
		if whole {
			p.text = joinChunks(p.text)
			r.finish(0)
		}
	}
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil
	}
	return err
}

// joinChunks takes out the timestamps at which the engine split a long line: in a raw stream
// nothing else marks them.
func joinChunks(b []byte) []byte {
	for at := chunk; at < len(b); at += chunk {
		if t, rest := splitStamp(b[at:]); !t.IsZero() {
			b = append(b[:at], rest...)
		}
	}
	return b
}

// add appends to a line, or begins one.
func (r *LogReader) add(stream int, at time.Time, text []byte) {
	p := &r.parts[stream]
	if !p.open {
		p.open, p.at, p.text = true, at, p.text[:0]
	}
	room := MaxLine - len(p.text)
	if len(text) > room {
		p.cut += len(text) - room
		text = text[:room]
	}
	p.text = append(p.text, text...)
}

func (r *LogReader) finish(stream int) {
	p := &r.parts[stream]
	text := p.text
	if n := len(text); n > 0 && text[n-1] == '\r' && p.cut == 0 {
		text = text[:n-1]
	}
	l := LogLine{Time: p.at, Stderr: stream == 1, Text: string(text)}
	if p.cut > 0 {
		l.Text = strings.ToValidUTF8(l.Text, "\uFFFD") + fmt.Sprintf("… cut, %d bytes more", p.cut)
	}
	r.ready = append(r.ready, l)
	if cap(p.text) > 64<<10 {
		p.text = nil // one long line must not hold a megabyte for good
	}
	p.open, p.cut = false, 0
}

// flush gives out lines that had no end yet.
func (r *LogReader) flush() {
	for i := range r.parts {
		if r.parts[i].open {
			r.finish(i)
		}
	}
}

// splitStamp takes the timestamp off the front of a line.
func splitStamp(b []byte) (time.Time, []byte) {
	for i := 0; i < len(b) && i < stampLen; i++ {
		if b[i] != ' ' {
			continue
		}
		t, err := time.Parse(time.RFC3339Nano, string(b[:i]))
		if err != nil {
			return time.Time{}, b
		}
		return t.UTC(), b[i+1:]
	}
	// An empty line has no space behind its timestamp in some engines.
	if len(b) >= len("2006-01-02T15:04:05Z") && len(b) < stampLen {
		if t, err := time.Parse(time.RFC3339Nano, string(b)); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, b
}
