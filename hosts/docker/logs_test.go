package docker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"midwatch/hosts"
)

// mux frames a piece of a log.
func mux(stream byte, text string) string {
	var head [8]byte
	head[0] = stream
	binary.BigEndian.PutUint32(head[4:], uint32(len(text)))
	return string(head[:]) + text
}

func stampAt(n int) string {
	return time.Unix(1_700_000_000, int64(n)).UTC().Format("2006-01-02T15:04:05.000000000Z") + " "
}

// reader reads a recorded log, however it is cut into reads.
func newReader(log io.Reader, after LogCursor) *LogReader {
	ctx, cancel := context.WithCancel(context.Background())
	return &LogReader{
		c: &Client{p: Params{Host: "h1"}}, ctx: ctx, cancel: cancel, body: io.NopCloser(log),
		br: bufio.NewReaderSize(log, 32<<10), op: "logs web", skip: after, cur: after,
	}
}

// drainLog returns all lines as "stream time text" and the final error.
func drainLog(r *LogReader) ([]string, error) {
	var out []string
	for {
		l, err := r.Next()
		if err != nil {
			return out, err
		}
		stream := "out"
		if l.Stderr {
			stream = "err"
		}
		when := "-"
		if !l.Time.IsZero() {
			when = fmt.Sprint(l.Time.Nanosecond())
		}
		out = append(out, stream+" "+when+" "+l.Text)
	}
}

func TestLogFrames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", chunk)
	for name, c := range map[string]struct {
		log  string
		want []string
		err  string
	}{
		"empty":              {"", nil, "EOF"},
		"two streams":        {mux(1, stampAt(1)+"a\n") + mux(2, stampAt(2)+"b\n"), []string{"out 1 a", "err 2 b"}, "EOF"},
		"stdin is output":    {mux(0, stampAt(1)+"a\n"), []string{"out 1 a"}, "EOF"},
		"empty line":         {mux(1, stampAt(1)+"\n"), []string{"out 1 "}, "EOF"},
		"no space behind":    {mux(1, strings.TrimSpace(stampAt(1))+"\n"), []string{"out 1 "}, "EOF"},
		"no end":             {mux(1, stampAt(1)+"a"), []string{"out 1 a"}, "EOF"},
		"pieces":             {mux(1, stampAt(1)+long) + mux(2, stampAt(2)+"e\n") + mux(1, stampAt(3)+"yy\n"), []string{"err 2 e", "out 1 " + long + "yy"}, "EOF"},
		"lines in one frame": {mux(1, stampAt(1)+"a\n"+stampAt(2)+"b\nc\n"), []string{"out 1 a", "out 2 b", "out - c"}, "EOF"},
		"no timestamp":       {mux(1, "2026 a\n"), []string{"out - 2026 a"}, "EOF"},
		"cut header":         {mux(1, stampAt(1)+"a\n") + "\x01\x00", []string{"out 1 a"}, "docker on h1: logs web: stream cut"},
		"cut frame":          {mux(1, stampAt(1)+"a\n")[:20], nil, "docker on h1: logs web: stream cut"},
		"complaint":          {mux(1, stampAt(1)+"a\n") + mux(3, "disk\nfull"), []string{"out 1 a"}, "docker on h1: logs web: disk full"},
		"no such stream":     {mux(1, stampAt(1)+"a\n") + mux(9, "?"), []string{"out 1 a"}, "docker on h1: logs web: no such stream as 9 in the answer"},
		"terminal":           {stampAt(1) + "a\r\n" + stampAt(2) + "\r\n" + stampAt(3) + "b", []string{"out 1 a", "out 2 ", "out 3 b"}, "EOF"},
		"terminal, long":     {stampAt(1) + long + stampAt(2) + long + stampAt(3) + "y\r\n" + stampAt(4) + "z\r\n", []string{"out 1 " + long + long + "y", "out 4 z"}, "EOF"},
	} {
		for cut, wrap := range map[string]func(io.Reader) io.Reader{"whole": func(r io.Reader) io.Reader { return r }, "halves": iotest.HalfReader, "bytes": iotest.OneByteReader} {
			got, err := drainLog(newReader(wrap(strings.NewReader(c.log)), LogCursor{}))
			if !slices.Equal(got, c.want) || err.Error() != c.err {
				t.Errorf("%s, in %s: %.200q, %v\nwant %.200q, %s", name, cut, got, err, c.want, c.err)
			}
		}
	}
}

func TestLogLineIsBounded(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("é", MaxLine) // two bytes each
	for name, log := range map[string]string{
		"one frame": mux(1, stampAt(1)+huge+"\n") + mux(1, stampAt(2)+"next\n"),
		"pieces":    mux(1, stampAt(1)+huge[:MaxLine]) + mux(1, stampAt(1)+huge[MaxLine:]+"\n") + mux(1, stampAt(2)+"next\n"),
		"terminal":  stampAt(1) + huge + "\r\n" + stampAt(2) + "next\r\n",
	} {
		r := newReader(strings.NewReader(log), LogCursor{})
		l, err := r.Next()
		if err != nil || len(l.Text) > MaxLine+100 || !strings.HasPrefix(l.Text, "éé") || !strings.Contains(l.Text, "… cut, 1048") || !strings.HasSuffix(l.Text, " bytes more") {
			t.Errorf("%s: %d bytes, end %q, %v", name, len(l.Text), l.Text[max(0, len(l.Text)-60):], err)
		}
		if l, err = r.Next(); err != nil || l.Text != "next" {
			t.Errorf("%s: then %q, %v", name, l.Text, err)
		}
	}
}

func TestLogCursor(t *testing.T) {
	t.Parallel()
	// Three lines at one moment, as a fast writer makes them.
	log := mux(1, stampAt(1)+"a\n") + mux(1, stampAt(2)+"b\n") + mux(2, stampAt(2)+"c\n") + mux(1, stampAt(2)+"d\n") + mux(1, stampAt(3)+"e\n")
	var cursors []LogCursor
	r := newReader(strings.NewReader(log), LogCursor{})
	for {
		l, err := r.Next()
		if err != nil {
			break
		}
		cursors = append(cursors, l.Cursor)
	}
	for i, cur := range cursors {
		parsed, err := ParseLogCursor(cur.String())
		if err != nil || parsed != cur {
			t.Errorf("cursor %v reads back as %v, %v", cur, parsed, err)
		}
		got, _ := drainLog(newReader(strings.NewReader(log), parsed))
		if len(got) != 5-i-1 {
			t.Errorf("after line %d: %q", i, got)
		}
	}
	for _, s := range []string{"x", "2026-11-29T12:00:00Z", "2026-11-29T12:00:00Z#-1", "2026-11-29T12:00:00Z#x"} {
		if _, err := ParseLogCursor(s); err == nil {
			t.Errorf("cursor %q is no error", s)
		}
	}
	if c, err := ParseLogCursor(""); err != nil || c != (LogCursor{}) || c.String() != "" {
		t.Errorf("no cursor: %v, %v", c, err)
	}
}

func TestLogQuery(t *testing.T) {
	t.Parallel()
	e := newEngine(t, "1.41")
	var asked string
	e.on("/containers/web/logs", func(w http.ResponseWriter, r *http.Request) { asked = r.URL.RawQuery })
	c := e.client(t)
	at := time.Unix(1_700_000_000, 5)
	for want, o := range map[string]LogOptions{
		"stderr=1&stdout=1&tail=all&timestamps=1":                                                       {},
		"follow=1&stderr=1&stdout=1&tail=7&timestamps=1":                                                {Follow: true, Tail: 7},
		"since=1700000000.000000005&stderr=1&stdout=1&tail=all&timestamps=1&until=1700000060.000000005": {Since: at, Until: at.Add(time.Minute)},
		"follow=1&since=1700000001.000000005&stderr=1&stdout=1&tail=all&timestamps=1": {
			Follow: true, Tail: 7, Since: at, After: LogCursor{At: at.Add(time.Second), N: 1},
		},
	} {
		r, err := c.Logs(t.Context(), "web", o)
		if err != nil {
			t.Fatal(err)
		}
		if asked != want {
			t.Errorf("%+v asks %s\nwant %s", o, asked, want)
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		_ = r.Close()
	}
}

func TestLogTrouble(t *testing.T) {
	t.Parallel()
	e := newEngine(t, "1.41")
	c := e.client(t, func(p *Params) { p.Timeout = 200 * time.Millisecond })
	e.on("/containers/web/logs", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusInternalServerError, "configured logging driver does not support reading")
	})
	if _, err := c.Logs(t.Context(), "web", LogOptions{}); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "read the log where its driver sends it") {
		t.Errorf("driver: %v", err)
	}
	e.on("/containers/web/logs", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	if _, err := c.Logs(t.Context(), "web", LogOptions{}); !errors.Is(err, hosts.ErrTimeout) {
		t.Errorf("no answer: %v", err)
	}
	e.on("/containers/web/logs", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, mux(1, stampAt(1)+"a\n"))
		_ = http.NewResponseController(w).Flush()
		select { // longer than the timeout: a followed log may be silent
		case <-time.After(400 * time.Millisecond):
			fmt.Fprint(w, mux(1, stampAt(2)+"b\n"))
			_ = http.NewResponseController(w).Flush()
		case <-r.Context().Done():
		}
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	})
	r, err := c.Logs(t.Context(), "web", LogOptions{Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	for _, want := range []string{"a", "b"} {
		if l, err := r.Next(); err != nil || l.Text != want {
			t.Errorf("line %q, %v", l.Text, err)
		}
	}
	if _, err := r.Next(); !errors.Is(err, hosts.ErrClosed) {
		t.Errorf("cut: %v", err)
	}
}

func FuzzLogReader(f *testing.F) {
	f.Add([]byte(mux(1, stampAt(1)+"a\n")+mux(2, stampAt(2)+"b")), false)
	f.Add([]byte(stampAt(1)+"a\r\n"), true)
	f.Add([]byte("\x01\x00\x00\x00\xff\xff\xff\xff"), false)
	f.Add([]byte("\x00\n\n\n"), true)
	f.Fuzz(func(t *testing.T, log []byte, small bool) {
		var in io.Reader = bytes.NewReader(log)
		if small {
			in = iotest.OneByteReader(in)
		}
		r := newReader(in, LogCursor{})
		for n := 0; ; n++ {
			l, err := r.Next()
			if err != nil {
				break
			}
			if strings.ContainsRune(l.Text, '\n') || len(l.Text) > MaxLine+100 {
				t.Fatalf("line %q", l.Text)
			}
			if n > len(log)+1 {
				t.Fatal("more lines than bytes")
			}
		}
		if _, err := r.Next(); err == nil {
			t.Fatal("a line after the end")
		}
	})
}

func BenchmarkLogReader(b *testing.B) {
	line := mux(1, stampAt(1)+`10.0.0.1 - - [29/Nov/2026:04:31:27 +0000] "GET / HTTP/1.1" 200 12 "-" "curl"`+"\n")
	r := newReader(&repeated{text: line, n: b.N}, LogCursor{})
	b.ReportAllocs()
	b.SetBytes(int64(len(line)))
	b.ResetTimer()
	for range b.N {
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

// repeated gives a text n times.
type repeated struct {
	text string
	n    int
	rest string
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.rest == "" {
		if r.n == 0 {
			return 0, io.EOF
		}
		r.n--
		r.rest = r.text
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
