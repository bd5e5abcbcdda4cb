package collect

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// mark is a boundary line of a batch.
type mark struct {
	kind   string // start, begin, end, done
	id     string // of begin
	exit   int    // of end
	uptime time.Duration
	known  bool   // uptime was given
	date   string // of start: the host's clock, seconds with a fraction
	limits string // of start: whether sections are timed on the host, "yes" or "no"
}

// splitter cuts the output of a batch at its boundary lines, however the output was chunked. What
// stands between two boundaries is handed on in pieces, so nothing here grows with the answer.
type splitter struct {
	sep  []byte // newline, nonce, blank
	buf  []byte
	data func([]byte) // bytes of the section being read; valid during the call
	mark func(mark)
}

func newSplitter(nonce string, data func([]byte), onMark func(mark)) *splitter {
	return &splitter{sep: []byte("\n" + nonce + " "), data: data, mark: onMark}
}

// maxMark bounds a boundary line; a longer one was not written by the batch.
const maxMark = 256

// Write takes the next piece of output.
func (s *splitter) Write(p []byte) (int, error) {
	s.buf = append(s.buf, p...)
	for {
		i := bytes.Index(s.buf, s.sep)
		if i < 0 {
			s.flush(len(s.buf) - s.tail())
			return len(p), nil
		}
		line := s.buf[i+1:]
		end := bytes.IndexByte(line, '\n')
		if end < 0 && len(line) < maxMark {
			s.flush(i)
			return len(p), nil
		}
		if end < 0 || end >= maxMark {
			s.flush(i + len(s.sep))
			continue
		}
		s.flush(i)
		m, ok := parseMark(string(s.buf[len(s.sep) : 1+end]))
		if !ok {
			s.flush(1 + end)
			continue
		}
		s.drop(1 + end + 1) // with the newlines on both sides
		s.mark(m)
	}
}

// Close hands on what is left.
func (s *splitter) Close() { s.flush(len(s.buf)) }

// tail is the length of the end of buf that may be the beginning of a boundary.
func (s *splitter) tail() int {
	for n := min(len(s.sep)-1, len(s.buf)); n > 0; n-- {
		if bytes.HasPrefix(s.sep, s.buf[len(s.buf)-n:]) {
			return n
		}
	}
	return 0
}

func (s *splitter) flush(n int) {
	if n > 0 {
		s.data(s.buf[:n])
		s.drop(n)
	}
}

func (s *splitter) drop(n int) {
	s.buf = append(s.buf[:0], s.buf[min(n, len(s.buf)):]...)
}

func parseMark(line string) (mark, bool) {
	f := strings.Fields(line)
	if len(f) == 0 {
		return mark{}, false
	}
	m := mark{kind: f[0]}
	up := ""
	switch {
	case m.kind == "start" && len(f) >= 3:
		up, m.date = f[1], f[2]
		if len(f) > 3 {
			m.limits = f[3]
		}
	case m.kind == "begin" && len(f) >= 2:
		m.id = f[1]
		if len(f) > 2 {
			up = f[2]
		}
	case m.kind == "end" && len(f) == 3:
		n, err := strconv.Atoi(f[1])
		if err != nil {
			return mark{}, false
		}
		m.exit, up = n, f[2]
	case m.kind == "done" && len(f) == 2:
		up = f[1]
	default:
		return mark{}, false
	}
	m.uptime, m.known = seconds(up)
	return m, true
}

// seconds reads "123.45" into a duration.
func seconds(s string) (time.Duration, bool) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f < 0 || f > 1e9 {
		return 0, false
	}
	return time.Duration(f * float64(time.Second)), true
}
