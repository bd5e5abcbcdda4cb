package engine

import (
	"encoding/binary"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts/demo/sim"
)

// Stream numbers of the multiplexed framing.
const (
	stdoutStream = 1
	stderrStream = 2
)

// frame puts the 8-byte header of a stream before data.
func frame(stream byte, data []byte) []byte {
	b := make([]byte, 8, 8+len(data))
	b[0] = stream
	binary.BigEndian.PutUint32(b[4:], uint32(len(data))) //nolint:gosec // lines are short
	return append(b, data...)
}

func (s *Server) logs(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	out, errs := truth(q.Get("stdout")), truth(q.Get("stderr"))
	if !out && !errs {
		return fail(http.StatusBadRequest, "Bad parameters: you must choose at least one stream")
	}
	since, err := moment(q.Get("since"))
	if err != nil {
		return err
	}
	until, err := moment(q.Get("until"))
	if err != nil {
		return err
	}
	s.h.Site.Lock()
	c, err := s.container(r)
	if err != nil {
		s.h.Site.Unlock()
		return err
	}
	if d := c.Spec.LogDriver; d == "none" {
		s.h.Site.Unlock()
		return fail(http.StatusNotImplemented, "configured logging driver does not support reading")
	}
	p := &printer{h: s.h, c: c, since: since, until: until, out: out, errs: errs, stamps: truth(q.Get("timestamps"))}
	first := p.first(q.Get("tail"))
	follow := truth(q.Get("follow"))
	release := func() {}
	if follow {
		release = s.h.Site.Follow()
	}
	defer release()
	w.Header().Set("Content-Type", streamType(c.Spec.TTY))
	w.WriteHeader(http.StatusOK)
	rc := http.NewResponseController(w)
	for {
		lines := c.Log.From(first)
		first = c.Log.Next()
		wait, changed, alive := c.Log.Wait(), s.h.Changed(), c.Running()
		s.h.Site.Unlock()
		over, err := p.print(w, lines)
		if err != nil || over || !follow || !alive && len(lines) == 0 {
			return nil
		}
		if rc.Flush() != nil {
			return nil
		}
		select {
		case <-wait:
		case <-changed:
		case <-r.Context().Done():
			return nil
		}
		s.h.Site.Lock()
	}
}

// printer writes the lines of one container.
type printer struct {
	h            *sim.Host
	c            *sim.Container
	since, until time.Time
	out, errs    bool
	stamps       bool
}

func (p *printer) wants(l sim.Line) bool {
	at := p.h.Local(l.At)
	return (l.Err && p.errs || !l.Err && p.out || p.c.Spec.TTY && p.out) && (p.since.IsZero() || !at.Before(p.since))
}

// first is the number of the line to begin with for a tail of that many wanted lines.
func (p *printer) first(tail string) uint64 {
	log := p.c.Log
	n, err := strconv.Atoi(tail)
	if tail == "" || tail == "all" || err != nil || n < 0 {
		return log.First()
	}
	all := log.All()
	i := len(all)
	for ; i > 0 && n > 0; i-- {
		l := all[i-1]
		if p.wants(l) && (p.until.IsZero() || !p.h.Local(l.At).After(p.until)) {
			n--
		}
	}
	return log.First() + uint64(i)
}

// print writes what is wanted of lines; over says that until has been passed.
func (p *printer) print(w http.ResponseWriter, lines []sim.Line) (over bool, err error) {
	var buf []byte
	for _, l := range lines {
		at := p.h.Local(l.At)
		if !p.until.IsZero() && at.After(p.until) {
			over = true
			break
		}
		if !p.wants(l) {
			continue
		}
		buf = p.append(buf, l, at)
		if len(buf) > 32<<10 {
			if _, err := w.Write(buf); err != nil {
				return over, err
			}
			buf = buf[:0]
		}
	}
	if len(buf) > 0 {
		_, err = w.Write(buf)
	}
	return over, err
}

// maxPiece is how much of a line the engine keeps together.
const maxPiece = 16 << 10

// append adds a line as the engine sends it: long ones in pieces, each with the time in front, and
// without frames when the container has a terminal.
func (p *printer) append(buf []byte, l sim.Line, at time.Time) []byte {
	stream, rest, stamp, end := byte(stdoutStream), l.Text, "", "\n"
	if l.Err {
		stream = stderrStream
	}
	if p.stamps {
		stamp = at.UTC().Format("2006-01-02T15:04:05.000000000Z07:00") + " "
	}
	if p.c.Spec.TTY {
		end = "\r\n"
	}
	for {
		piece := rest[:min(maxPiece, len(rest))]
		rest = rest[len(piece):]
		text := stamp + piece
		if rest == "" {
			text += end
		}
		if p.c.Spec.TTY {
			buf = append(buf, text...)
		} else {
			buf = append(buf, frame(stream, []byte(text))...)
		}
		if rest == "" {
			return buf
		}
	}
}

// streamType is the content type of a stream with or without frames.
func streamType(raw bool) string {
	if raw {
		return "application/vnd.docker.raw-stream"
	}
	return "application/vnd.docker.multiplexed-stream"
}

func (s *Server) events(w http.ResponseWriter, r *http.Request) error {
	f, err := parseFilters(r)
	if err != nil {
		return err
	}
	since, err := moment(r.URL.Query().Get("since"))
	if err != nil {
		return err
	}
	until, err := moment(r.URL.Query().Get("until"))
	if err != nil {
		return err
	}
	release := s.h.Site.Follow()
	defer release()
	s.h.Site.Lock()
	next := s.h.Events.Next()
	if !since.IsZero() {
		next = s.h.Events.First()
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	rc := http.NewResponseController(w)
	var end <-chan time.Time
	if !until.IsZero() {
		t := time.NewTimer(until.Sub(s.h.Clock()))
		defer t.Stop()
		end = t.C
	}
	enc := json.NewEncoder(w)
	for {
		list := s.h.Events.From(next)
		next = s.h.Events.Next()
		wait := s.h.Events.Wait()
		s.h.Site.Unlock()
		for _, e := range list {
			at := s.h.Local(e.At)
			if at.Before(since) || !f.event(e) {
				continue
			}
			if !until.IsZero() && at.After(until) {
				return nil
			}
			if enc.Encode(eventDoc(e, at)) != nil {
				return nil
			}
		}
		if rc.Flush() != nil {
			return nil
		}
		select {
		case <-wait:
		case <-end:
			return nil
		case <-r.Context().Done():
			return nil
		}
		s.h.Site.Lock()
	}
}

func (f filters) event(e sim.Event) bool {
	return f.is("type", e.Type) && f.is("scope", "local") && f.labels(e.Attrs) &&
		f.any("event", func(v string) bool { return v == e.Action || strings.HasPrefix(e.Action, v+": ") }) &&
		f.any("container", func(v string) bool {
			return e.Type == "container" && (v == e.Attrs["name"] || strings.HasPrefix(e.ID, v))
		}) &&
		f.any("image", func(v string) bool { return v == e.Attrs["image"] || v == sim.Repo(e.Attrs["image"]) }) &&
		f.any("network", func(v string) bool { return e.Type == "network" && (v == e.ID || v == e.Attrs["name"]) })
}

func eventDoc(e sim.Event, at time.Time) map[string]any {
	m := map[string]any{
		"Type": e.Type, "Action": e.Action, "Actor": map[string]any{"ID": e.ID, "Attributes": e.Attrs},
		"scope": "local", "time": at.Unix(), "timeNano": at.UnixNano(),
	}
	if e.Type == "container" {
		m["status"], m["id"], m["from"] = e.Action, e.ID, e.Attrs["image"]
	}
	return m
}
