package logs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/docker"
	"midwatch/hosts/logline"
)

// searchLines is how far back a file is read when lines since a moment are wanted and none of them has a
// time to go by.
const searchLines = 20_000

// known is how many bytes of the beginning of a file it is known again by.
const known = 256

// errNoFile is a file that is not there. It may come any moment, so a reader that follows looks again soon.
var errNoFile = errors.New("no such file")

// fileID says which file of a row was read: names change when a log is rotated.
type fileID struct {
	inode string // "-" for none
	len   int    // how many bytes sum is of
	sum   uint32 // of the first bytes
}

func (id fileID) args() (inode, length, sum string) {
	if id.inode == "" {
		id.inode = "-"
	}
	return id.inode, strconv.Itoa(id.len), strconv.FormatUint(uint64(id.sum), 10)
}

// fileReader reads a log file, and what became of it when it was rotated.
type fileReader struct {
	from  Sources
	q     hosts.LogQuery
	src   hosts.LogSource
	names *hosts.LogFields
	clock clock

	id       fileID
	at       int64  // offset of the next line
	head     []byte // the first bytes of the file, as far as they were seen
	zone     *time.Location
	last     time.Time // of the newest line that had one
	searched bool
	untimed  bool          // its lines have no times that a place could be found by
	backlog  []hosts.Entry // to be returned first

	stream  hosts.Stream // nil when there is nothing but the backlog
	count   *counter
	br      *bufio.Reader
	base    int64 // offset of the first byte of this stream
	part    filePart
	opened  int64 // at when it was opened
	stalled bool  // the one before brought nothing
	search  bool  // no line before Since was seen, and the file goes further back
}

// filePart is what is read by one command.
type filePart struct {
	start, end int64
	aside      bool   // it was put aside: another comes after it
	picked     bool   // only some of its lines come: offsets say nothing
	next       fileID // the one after it
}

func (r *fileReader) open(ctx context.Context, c clock) error {
	if r.from.Runner == nil {
		return errUnset
	}
	if r.q.Boot && c.boot.IsZero() {
		return errNoBoot
	}
	r.clock, r.stream = c, nil
	conn, err := r.from.Runner(ctx, r.src.Host)
	if err != nil {
		return err
	}
	if searches(&r.q) && !r.searched {
		if err := r.searchFile(ctx, conn); err != nil {
			return err
		}
		if !following(r.q) {
			return nil
		}
	}
	if r.id.inode == "" && !r.since().IsZero() {
		if err := r.probe(ctx, conn); err != nil {
			return err
		}
	}
	n := tail(r.q)
	if !r.since().IsZero() {
		n = 0
		if r.untimed {
			n = searchLines
		}
	}
	if following(r.q) {
		return r.start(ctx, conn, n, "follow", "")
	}
	return r.start(ctx, conn, n, "once", r.q.Grep)
}

// since is the moment to begin with, by the host's clock.
func (r *fileReader) since() time.Time {
	if r.q.Boot {
		return r.clock.boot
	}
	return moment(r.q.Since, r.clock)
}

func (r *fileReader) command(script string, args ...string) hosts.Cmd {
	return hosts.Cmd{
		Argv: append([]string{"sh", "-c", script, "sh", r.src.Name}, args...),
		Sudo: r.from.Sudo != nil && r.from.Sudo(r.src.Host),
	}
}

// start runs the command that reads on from where we are, or n lines from the end.
func (r *fileReader) start(ctx context.Context, conn Runner, n int, how, want string) error {
	inode, length, sum := r.id.args()
	var from int64
	if since := r.since(); !since.IsZero() && !r.untimed {
		from = max(1, since.Unix())
	}
	var err error
	r.stream, err = conn.Stream(ctx, r.command(fileScript, strconv.Itoa(n), inode, strconv.FormatInt(r.at, 10), length, sum, strconv.FormatInt(from, 10), how, want))
	if err != nil {
		r.stream = nil
		return err
	}
	r.count = &counter{r: r.stream}
	r.br = bufio.NewReaderSize(r.count, 64<<10)
	if err := r.begin(want != ""); err != nil {
		r.close()
		r.stream = nil
		return err
	}
	return nil
}

// begin reads what the command says first.
func (r *fileReader) begin(picked bool) error {
	head, _, err := readLine(r.br, 4096)
	if err != nil {
		return r.end(err)
	}
	w := strings.Fields(string(head))
	if len(w) != 11 {
		return fmt.Errorf("reading %s on %s began with %q", r.src.Name, r.src.Host, hosts.CleanLine(string(head)))
	}
	number := func(s string) int64 {
		n, _ := strconv.ParseInt(s, 10, 64) // the script's own words
		return n
	}
	id := func(w []string) fileID { return fileID{w[0], int(number(w[1])), uint32(number(w[2]))} }
	r.part = filePart{start: number(w[1]), end: number(w[2]), aside: w[3] == "aside", picked: picked, next: id(w[7:])}
	fresh := w[4] != "on"
	r.zone = zoneOf(w[10])
	if w[4] == "lost" {
		r.backlog = append(r.backlog, gap(r.src, r.last, "the file was truncated or replaced, and what it held behind the place that reading had come to is not there"))
	}
	r.id, r.head = fileID{w[0], int(number(w[5])), uint32(number(w[6]))}, nil
	// The head is no part of the file.
	r.base = r.part.start - (r.count.n - int64(r.br.Buffered()))
	r.search = w[4] == "new" && r.part.start != 0 && !r.since().IsZero() && !r.part.aside
	if fresh && r.part.start != 0 && !picked {
		// Up to the first line end is thrown away, so that what follows begins with a line.
		if _, _, err := readLine(r.br, docker.MaxLine); err != nil && !errors.Is(err, errPart) {
			return r.end(err)
		}
	}
	r.mark()
	r.opened = r.at
	return nil
}

// mark notes where the next line begins.
func (r *fileReader) mark() { r.at = r.base + r.count.n - int64(r.br.Buffered()) }

// learn keeps the beginning of a file that was still short when it was opened.
func (r *fileReader) learn(line []byte, from int64) {
	if r.id.len >= known || r.part.picked || from != int64(len(r.head)) {
		return
	}
	r.head = append(r.head, line...)
	switch r.at - from - int64(len(line)) {
	case 1:
		r.head = append(r.head, '\n')
	case 2:
		r.head = append(r.head, '\r', '\n')
	default: // what its line end was is not known, or it has none yet
		r.head = r.head[:0]
		return
	}
	r.head = r.head[:min(len(r.head), known)]
	if len(r.head) > r.id.len {
		r.id.len, r.id.sum = len(r.head), cksum(r.head)
	}
}

func (r *fileReader) close() {
	if r.stream != nil {
		_ = r.stream.Close() // nothing of it is wanted any more
	}
}

func (r *fileReader) over() string { return "the command that reads the file ended; starting it again" }

func (r *fileReader) next() (hosts.Entry, error) {
	for {
		if len(r.backlog) > 0 {
			e := r.backlog[0]
			r.backlog = r.backlog[1:]
			return e, nil
		}
		if r.stream == nil {
			return hosts.Entry{}, io.EOF
		}
		from := r.at
		line, over, err := r.line()
		if err != nil {
			return hosts.Entry{}, err
		}
		if over == 0 {
			r.learn(line, from)
		}
		e, ok, err := r.entry(line, over)
		if ok || err != nil {
			return e, err
		}
	}
}

// line reads the next one. What has no end yet is part of the log when the file has been read to its end,
// and is read again when only the connection was cut.
func (r *fileReader) line() ([]byte, int, error) {
	line, over, err := readLine(r.br, docker.MaxLine)
	switch {
	case err == nil:
		r.mark()
		return line, over, nil
	case !errors.Is(err, errPart):
		return nil, 0, r.end(err)
	}
	line = bytes.Clone(line)
	if err := r.end(io.EOF); !errors.Is(err, io.EOF) && !errors.Is(err, errAgain) {
		return nil, 0, err
	}
	r.mark()
	return trimEnd(line), over, nil
}

// entry makes an entry of a line; ok is false for one that is not wanted.
func (r *fileReader) entry(line []byte, over int) (e hosts.Entry, ok bool, err error) {
	if t, ok := lineTime(line, r.zone, r.names); ok {
		r.last = t
	}
	at := r.last
	if at.IsZero() {
		at = time.Now() // a file without times; the arrival is the best that is known
	}
	if since := r.since(); !since.IsZero() && at.Before(since) {
		r.search = false
		return e, false, nil
	}
	if until := moment(r.q.Until, r.clock); !until.IsZero() && at.After(until) && !r.part.aside {
		return e, false, io.EOF
	} else if !until.IsZero() && at.After(until) {
		return e, false, nil
	}
	text := hosts.Clean(string(line))
	if over > 0 {
		text += fmt.Sprintf(" … (%d bytes more)", over)
	}
	e = hosts.Entry{
		Time: at, Host: r.src.Host, Source: r.src, Level: logline.LevelAs(text, r.names), Text: text,
		Cursor: r.id.inode + ":" + strconv.FormatInt(r.at, 10),
	}
	if r.search {
		r.search = false
		r.backlog = append(r.backlog, note(r.src, at, fmt.Sprintf("only the last %d lines of the file were searched", searchLines)))
	}
	return e, true, nil
}

// end finds out why the stream ended, and where reading goes on.
func (r *fileReader) end(err error) error {
	if !errors.Is(err, io.EOF) {
		return err
	}
	res, err := r.stream.Wait()
	if err != nil {
		return err
	}
	said := firstLine(string(res.Stderr))
	switch {
	case res.Exit == 0 && r.part.aside:
		r.id, r.at, r.head = r.part.next, 0, nil
		return errAgain
	case res.Exit == 0 && following(r.q):
		// It was put aside, or truncated. Twice in a row without a line is no such thing.
		if r.stalled = r.at == r.opened && !r.stalled; r.at == r.opened && !r.stalled {
			return io.EOF
		}
		return errAgain
	case res.Exit == 0:
		return io.EOF
	case res.Exit == 66:
		return fmt.Errorf("%s on %s: %w", r.src.Name, r.src.Host, errNoFile)
	case res.Exit == 77:
		return fmt.Errorf("%s on %s: %w: add the user to the file's group (often adm) or allow sudo", r.src.Name, r.src.Host, hosts.ErrNotAllowed)
	case said == "":
		said = fmt.Sprintf("ended with %d", res.Exit)
	}
	return fmt.Errorf("reading %s on %s: %s", r.src.Name, r.src.Host, said)
}

// counter counts the bytes that were read through it.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}
