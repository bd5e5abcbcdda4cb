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
	from     Sources
	q        hosts.LogQuery
	src      hosts.LogSource
	names    *hosts.LogFields
	cursor   string
	last     time.Time // of the newest entry
	resume   time.Time // by the host's clock: where to go on when the cursor is of no use
	lacks    journalFeatures
	searched bool
	backlog  []hosts.Entry // to be returned first: found by a search, or a gap
	stream   hosts.Stream  // nil when there is nothing but the backlog
	br       *bufio.Reader
	read     bool // a line came over this stream
}

func (r *journalReader) open(ctx context.Context, c clock) error {
	if r.from.Runner == nil {
		return errUnset
	}
	conn, err := r.from.Runner(ctx, r.src.Host)
	if err != nil {
		return err
	}
	r.stream = nil
	switch {
	case searches(&r.q) && !r.searched:
		if err := r.search(ctx, conn); err != nil {
			return err
		}
		if !following(r.q) {
			return nil
		}
	case r.cursor != "" && len(r.backlog) == 0:
		if err := r.lookForGap(ctx, conn); err != nil {
			return err
		}
	}
	return r.start(ctx, conn, journalArgv(r.q, r.src, r.place(c), r.lacks))
}

// place is where reading begins, or goes on.
func (r *journalReader) place(c clock) journalPlace {
	p := journalPlace{cursor: r.cursor, since: r.resume, until: moment(r.q.Until, c)}
	if p.since.IsZero() {
		p.since = moment(r.q.Since, c)
		p.boot = r.q.Boot
	}
	p.all = r.searched // what had no entry is read from its beginning
	return p
}

func (r *journalReader) start(ctx context.Context, conn Runner, argv []string) error {
	var err error
	if r.stream, err = conn.Stream(ctx, r.command(argv)); err != nil {
		r.stream = nil
		return err
	}
	r.br, r.read = bufio.NewReaderSize(r.stream, 64<<10), false
	return nil
}

func (r *journalReader) command(argv []string) hosts.Cmd {
	return hosts.Cmd{Argv: argv, Sudo: r.from.Sudo != nil && r.from.Sudo(r.src.Host)}
}

// lookForGap asks for the entry that was read last. A journal that was vacuumed meanwhile no longer has
// it, and journalctl goes on with the next one there is without a word.
func (r *journalReader) lookForGap(ctx context.Context, conn Runner) error {
	res, err := conn.Run(ctx, r.command(journalAt(r.q, r.src, r.cursor)))
	if err != nil {
		return err
	}
	line, _, _ := strings.Cut(string(res.Stdout), "\n")
	e, err := ParseJournal([]byte(line))
	if err != nil || e.Cursor == "" || e.Cursor == r.cursor {
		return nil // there, or not to be told
	}
	r.backlog = []hosts.Entry{gap(r.src, r.last, "the journal no longer has the entry that reading had come to")}
	return nil
}

// search finds the last entries that are wanted. What journalctl filters by itself it counts itself, from
// the end backwards; the rest is looked for in more and more of what it has.
func (r *journalReader) search(ctx context.Context, conn Runner) error {
	if following(r.q) && r.cursor == "" {
		// What is written from here on is followed, whatever is found.
		if err := r.pass(ctx, conn, journalLast(hosts.LogQuery{Tail: 1, Priority: r.q.Priority}, r.src, 1, journalFeatures{noGrep: true}), false, func(hosts.Entry) {}); err != nil {
			return err
		}
	}
	backwards := r.q.Grep != "" && !r.lacks.noGrep
	enough := max(1000, 10*tail(r.q))
	if backwards && r.q.Keep == nil {
		enough = tail(r.q)
	}
	here, at := r.cursor, r.last
	found, short, err := searchBack(ctx, &r.q, enough, func(ctx context.Context, n int, take func(hosts.Entry)) error {
		return r.pass(ctx, conn, journalLast(r.q, r.src, n, r.lacks), backwards, take)
	})
	if err != nil {
		return err
	}
	if r.last.Before(at) { // the newest that was found is older than where following begins
		r.cursor, r.last = here, at
	}
	r.searched, r.backlog = true, found
	if short {
		r.backlog = append([]hosts.Entry{searchedNote(r.src, r.last)}, found...)
	}
	return nil
}

// pass reads what a command prints to its end, and takes it in the order of writing.
func (r *journalReader) pass(ctx context.Context, conn Runner, argv []string, backwards bool, take func(hosts.Entry)) error {
	if err := r.start(ctx, conn, argv); err != nil {
		return err
	}
	defer func() {
		r.close()
		r.stream = nil
	}()
	var list []hosts.Entry
	for {
		e, err := r.entry()
		switch {
		case errors.Is(err, io.EOF):
			if len(list) > 0 { // the newest came first
				r.cursor, r.last = list[0].Cursor, list[0].Time
			}
			for i := len(list) - 1; i >= 0; i-- {
				take(list[i])
			}
			return nil
		case err != nil:
			return err
		case backwards:
			list = append(list, e)
		default:
			take(e)
		}
	}
}

func (r *journalReader) close() {
	if r.stream != nil {
		_ = r.stream.Close() // nothing of it is wanted any more
	}
}

func (r *journalReader) over() string { return "journalctl ended; starting it again" }

func (r *journalReader) next() (hosts.Entry, error) {
	if len(r.backlog) > 0 {
		e := r.backlog[0]
		r.backlog = r.backlog[1:]
		return e, nil
	}
	if r.stream == nil {
		return hosts.Entry{}, io.EOF
	}
	return r.entry()
}

// entry reads the next entry of the command that runs.
func (r *journalReader) entry() (hosts.Entry, error) {
	for {
		line, over, err := readLine(r.br, maxJournalLine)
		if err != nil {
			return hosts.Entry{}, r.end(err)
		}
		if over > 0 {
			return r.mark(fmt.Sprintf("(an entry of %d bytes was left out)", len(line)+over)), nil
		}
		if len(line) == 0 || line[0] != '{' {
			continue // "-- Logs begin at", "-- No entries --": for people
		}
		r.read = true
		e, err := ParseJournal(line)
		if err != nil {
			return r.mark("(an entry that could not be read: " + hosts.CleanLine(err.Error()) + ")"), nil
		}
		if e.Cursor != "" {
			r.cursor = e.Cursor
		}
		r.last = e.Time
		return e.entry(r.src, r.names), nil
	}
}

// mark is a line of our own in place of one that cannot be shown: loss is never silent.
func (r *journalReader) mark(text string) hosts.Entry {
	return hosts.Entry{Time: time.Now(), Host: r.src.Host, Source: r.src, Kind: hosts.EntryNote, Text: text, Level: hosts.LevelNotice}
}

// readLine reads a line of at most limit bytes; over is about how many more it had. The line is
// valid until the next read. The error is errPart for what stands behind the last line end.
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
		case err == nil:
			return trimEnd(line), over, nil
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, over, errPart
		default:
			return nil, 0, err
		}
	}
}

// errPart is a line without an end: the stream ended in the middle of it, or the file does.
var errPart = fmt.Errorf("in the middle of a line: %w", io.EOF)

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
		r.cursor, r.resume = "", r.last.Add(time.Microsecond)
		r.backlog = []hosts.Entry{gap(r.src, r.last, "the journal no longer has the entry that reading had come to")}
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
