package logs

import (
	"bufio"
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

// searchLines is how far back a file is read when lines since a moment are wanted: a file has no
// index by time.
const searchLines = 20_000

// fileScript begins with what is needed to go on after a cut: the file's inode, the offset it starts
// at, whether that is a new beginning, and the host's zone. Then it is tail. It starts one byte early
// where it can: up to the first line end is thrown away, so that what follows begins with a line even
// when the file grew meanwhile.
const fileScript = `f=$1 n=$2 ino=$3 at=$4
if [ ! -e "$f" ]; then echo "no such file" >&2; exit 66; fi
if [ -d "$f" ]; then echo "is a directory" >&2; exit 65; fi
if [ ! -r "$f" ]; then echo "permission denied" >&2; exit 77; fi
set -- $(ls -Lid -- "$f")
size=$(wc -c <"$f")
size=$((size))
fresh=0
if [ "$1" != "$ino" ] || [ "$at" -gt "$size" ]; then
  k=$(tail -n "$n" -- "$f" | wc -c)
  at=$((size-k))
  if [ "$at" -lt 0 ]; then at=0; fi
  fresh=1
fi
if [ "$at" -gt 0 ]; then at=$((at-1)); fi
echo "$1 $at $fresh $(date +%z)"
`

// fileReader reads a log file through tail.
type fileReader struct {
	from Sources
	q    hosts.LogQuery
	src  hosts.LogSource

	inode  string
	at     int64 // offset of the next line
	zone   *time.Location
	last   time.Time // of the newest line that had one
	stream hosts.Stream
	count  *counter
	br     *bufio.Reader
	base   int64  // offset of the first byte of this stream
	notice string // to be said before the next line
	search bool   // no line before Since was seen, and the file goes further back
}

func (r *fileReader) open(ctx context.Context) error {
	if r.from.Runner == nil {
		return errUnset
	}
	conn, err := r.from.Runner(ctx, r.src.Host)
	if err != nil {
		return err
	}
	again := r.inode != ""
	r.stream, err = conn.Stream(ctx, hosts.Cmd{Argv: r.argv(), Sudo: r.from.Sudo != nil && r.from.Sudo(r.src.Host)})
	if err != nil {
		return err
	}
	r.count = &counter{r: r.stream}
	r.br = bufio.NewReaderSize(r.count, 32<<10)
	head, _, err := readLine(r.br, 4096)
	if err != nil {
		err = r.end(err)
		r.close()
		return err
	}
	fields := strings.Fields(string(head))
	if len(fields) != 4 {
		r.close()
		return fmt.Errorf("tail on %s: it began with %q", r.src.Host, hosts.CleanLine(string(head)))
	}
	r.base, _ = strconv.ParseInt(fields[1], 10, 64)
	r.base -= r.count.n - int64(r.br.Buffered()) // the head is no part of the file
	fresh := fields[2] == "1"
	if again && fresh {
		r.notice = "(the file was replaced; lines may be missing or repeated)"
	}
	r.inode, r.zone = fields[0], zoneOf(fields[3])
	r.search = fresh && fields[1] != "0" && !r.q.Since.IsZero()
	if fields[1] != "0" {
		if _, _, err := readLine(r.br, docker.MaxLine); err != nil {
			err = r.end(err)
			r.close()
			return err
		}
	}
	r.mark()
	return nil
}

// argv is the command that reads the file from where we are.
func (r *fileReader) argv() []string {
	n := tail(r.q)
	if !r.q.Since.IsZero() {
		n = searchLines
	}
	how := `exec tail -c "+$((at+1))" -- "$f"`
	if following(r.q) {
		how = `exec tail -c "+$((at+1))" -F -- "$f"`
	}
	ino := r.inode
	if ino == "" {
		ino = "-"
	}
	return []string{"sh", "-c", fileScript + how, "sh", r.src.Name, strconv.Itoa(n), ino, strconv.FormatInt(r.at, 10)}
}

// mark notes where the next line begins.
func (r *fileReader) mark() { r.at = r.base + r.count.n - int64(r.br.Buffered()) }

func (r *fileReader) close() { _ = r.stream.Close() }

func (r *fileReader) over() string { return "tail ended; starting it again" }

func (r *fileReader) next() (hosts.Entry, error) {
	for {
		if text := r.notice; text != "" {
			r.notice = ""
			return r.entry(time.Now(), text, hosts.LevelNotice), nil
		}
		line, over, err := readLine(r.br, docker.MaxLine)
		if err != nil {
			return hosts.Entry{}, r.end(err)
		}
		r.mark()
		if t, ok := lineTime(line, r.zone); ok {
			r.last = t
		}
		at := r.last
		if at.IsZero() {
			at = time.Now() // a file without times; the arrival is the best that is known
		}
		if !r.q.Since.IsZero() && at.Before(r.q.Since) {
			r.search = false
			continue
		}
		if !r.q.Until.IsZero() && at.After(r.q.Until) {
			return hosts.Entry{}, io.EOF
		}
		text := hosts.Clean(string(line))
		if over > 0 {
			text += fmt.Sprintf(" … (%d bytes more)", over)
		}
		e := r.entry(at, text, logline.Level(text))
		if r.search {
			r.search = false
			r.notice = fmt.Sprintf("(only the last %d lines of the file were searched)", searchLines)
		}
		return e, nil
	}
}

func (r *fileReader) entry(at time.Time, text string, level hosts.Level) hosts.Entry {
	return hosts.Entry{
		Time: at, Host: r.src.Host, Source: r.src, Level: level, Text: text,
		Cursor: r.inode + ":" + strconv.FormatInt(r.at, 10),
	}
}

// end finds out why the stream ended.
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
	case res.Exit == 0:
		return io.EOF
	case res.Exit == 66:
		return fmt.Errorf("%s on %s: %w", r.src.Name, r.src.Host, hosts.ErrMissing)
	case res.Exit == 77:
		return fmt.Errorf("%s on %s: %w: add the user to the file's group (often adm) or allow sudo", r.src.Name, r.src.Host, hosts.ErrNotAllowed)
	case said == "":
		said = fmt.Sprintf("ended with %d", res.Exit)
	}
	return fmt.Errorf("tail of %s on %s: %s", r.src.Name, r.src.Host, said)
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
