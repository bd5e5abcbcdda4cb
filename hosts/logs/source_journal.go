package logs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/docker"
)

// maxJournalLine bounds one entry of the journal as JSON; the escapes of JSON make a line longer.
const maxJournalLine = 2 * docker.MaxLine

// journalReader reads a journal through journalctl.
type journalReader struct {
	from   Sources
	q      hosts.LogQuery
	src    hosts.LogSource
	cursor string
	last   time.Time // of the newest entry
	lacks  journalFeatures
	stream hosts.Stream
	br     *bufio.Reader
	read   bool // a line came over this stream
}

func (r *journalReader) open(ctx context.Context) error {
	if r.from.Runner == nil {
		return errUnset
	}
	conn, err := r.from.Runner(ctx, r.src.Host)
	if err != nil {
		return err
	}
	sudo := r.from.Sudo != nil && r.from.Sudo(r.src.Host)
	r.stream, err = conn.Stream(ctx, hosts.Cmd{Argv: journalArgv(r.q, r.src, r.cursor, r.lacks), Sudo: sudo})
	if err != nil {
		return err
	}
	r.br, r.read = bufio.NewReaderSize(r.stream, 32<<10), false
	return nil
}

func (r *journalReader) close() { _ = r.stream.Close() }

func (r *journalReader) over() string { return "journalctl ended; starting it again" }

func (r *journalReader) next() (hosts.Entry, error) {
	for {
		line, over, err := readLine(r.br, maxJournalLine)
		if err != nil {
			return hosts.Entry{}, r.end(err)
		}
		r.read = true
		if over > 0 {
			return r.mark(fmt.Sprintf("(an entry of %d bytes was left out)", len(line)+over)), nil
		}
		if len(line) == 0 || line[0] != '{' {
			continue // "-- Logs begin at", "-- No entries --": for people
		}
		e, err := ParseJournal(line)
		if err != nil {
			return r.mark("(an entry that could not be read: " + hosts.CleanLine(err.Error()) + ")"), nil
		}
		if e.Cursor != "" {
			r.cursor = e.Cursor
		}
		r.last = e.Time
		return e.entry(r.src), nil
	}
}

// mark is a line of our own in place of one that cannot be shown: loss is never silent.
func (r *journalReader) mark(text string) hosts.Entry {
	return hosts.Entry{Time: time.Now(), Host: r.src.Host, Source: r.src, Text: text, Level: hosts.LevelNotice}
}

// readLine reads a line of at most limit bytes; over is about how many more it had. The line is
// valid until the next read.
func readLine(br *bufio.Reader, limit int) (line []byte, over int, err error) {
	for {
		part, err := br.ReadSlice('\n')
		if line == nil && err == nil {
			return trimEnd(part), 0, nil // whole in the buffer, as nearly all are
		}
		keep := min(len(part), limit-len(line))
		line = append(line, part[:keep]...)
		over += len(part) - keep
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err == nil, errors.Is(err, io.EOF) && len(line) > 0:
			return trimEnd(line), over, nil
		default:
			return nil, 0, err
		}
	}
}

func trimEnd(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return b
}

// end finds out why the stream ended.
func (r *journalReader) end(err error) error {
	if !errors.Is(err, io.EOF) {
		return err
	}
	res, err := r.stream.Wait()
	if err != nil {
		return err
	}
	said := firstLine(string(res.Stderr))
	switch {
	case res.Exit == 0:
		return io.EOF
	case res.Exit == 127 || strings.Contains(said, "command not found"):
		return fmt.Errorf("journalctl on %s: %w", r.src.Host, hosts.ErrMissing)
	case r.read:
		// Lines came, so the command was right; a signal or a lost session ended it.
	case !r.lacks.noFields && strings.Contains(said, "output-fields"):
		r.lacks.noFields = true
		return errAgain
	case !r.lacks.noGrep && r.q.Grep != "" && said != "" && (strings.Contains(said, "grep") || strings.Contains(said, "attern matching") || strings.Contains(said, "PCRE")):
		r.lacks.noGrep = true
		return errAgain
	case r.cursor != "" && strings.Contains(strings.ToLower(said), "cursor"):
		// The journal was vacuumed or rotated away under it; the time is the second best place.
		r.cursor, r.q.Since = "", r.last.Add(time.Microsecond)
		return errAgain
	case res.Exit == 1 && said == "":
		return io.EOF // --grep without a match
	case strings.Contains(said, "permission") || strings.Contains(said, "Permission"):
		return fmt.Errorf("journalctl on %s: %s: %w: add the user to group systemd-journal or allow sudo", r.src.Host, said, hosts.ErrNotAllowed)
	}
	if said == "" {
		said = fmt.Sprintf("ended with %d", res.Exit)
		if res.Signal != "" {
			said = "ended by signal " + res.Signal
		}
	}
	return fmt.Errorf("journalctl on %s: %s", r.src.Host, said)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return hosts.CleanLine(strings.TrimSpace(line))
}

// rights remembers per host whether journalctl shows everything. It says so in a hint on standard
// error only, which a followed command never gets to the end of, so it is asked once beside it.
type rights struct {
	mu    sync.Mutex
	hosts map[string]func(context.Context) string
}

func newRights() *rights { return &rights{hosts: map[string]func(context.Context) string{}} }

// missing returns what hides messages on a host, or "".
func (r *rights) missing(ctx context.Context, host string, from Sources) string {
	r.mu.Lock()
	ask, ok := r.hosts[host]
	if !ok {
		ask = onceValue(func(ctx context.Context) string { return askRights(ctx, host, from) })
		r.hosts[host] = ask
	}
	r.mu.Unlock()
	return ask(ctx)
}

// onceValue is sync.OnceValue for a func with a context: the first caller's counts.
func onceValue(f func(context.Context) string) func(context.Context) string {
	var once sync.Once
	var v string
	return func(ctx context.Context) string {
		once.Do(func() { v = f(ctx) })
		return v
	}
}

func askRights(ctx context.Context, host string, from Sources) string {
	if from.Runner == nil || from.Sudo != nil && from.Sudo(host) {
		return ""
	}
	conn, err := from.Runner(ctx, host)
	if err != nil {
		return "" // the source itself says so
	}
	res, err := conn.Run(ctx, hosts.Cmd{Argv: []string{"journalctl", "--no-pager", "--lines=0"}, Limit: 4096})
	if err == nil && strings.Contains(string(res.Stderr), "not seeing messages") {
		return "only messages of your own user can be seen: add it to group systemd-journal or allow sudo"
	}
	return ""
}
