package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
)

// pieceSize is how much of a file is looked at in one place.
const pieceSize = 4096

// probe finds the place of Since in the file that is written to, so that not all of it has to be read. What
// is older than that file is found by the script.
func (r *fileReader) probe(ctx context.Context, conn Runner) error {
	res, err := conn.Run(ctx, r.command(probeScript))
	if err != nil {
		return err
	}
	head, rest, _ := bytes.Cut(res.Stdout, []byte("\n"))
	w := strings.Fields(string(head))
	if len(w) != 3 {
		return nil // the command that reads says what is wrong
	}
	at, timed, older := placeOf(rest, r.since(), zoneOf(w[2]), r.names)
	switch {
	case older:
		r.id, r.at = fileID{inode: w[0]}, at
	case !timed && len(rest) > 0:
		r.untimed = true
	}
	return nil
}

// placeOf looks at the pieces of a file, the last one first, for one that begins before a moment. It
// returns the offset of the line it found; timed is false when no piece has a time in it.
func placeOf(pieces []byte, since time.Time, zone *time.Location, names *hosts.LogFields) (at int64, timed, older bool) {
	for len(pieces) > 0 {
		head, rest, _ := bytes.Cut(pieces, []byte("\n"))
		from, err := strconv.ParseInt(string(head), 10, 64)
		if err != nil || len(rest) < pieceSize {
			return 0, timed, false
		}
		piece := rest[:pieceSize]
		pieces = bytes.TrimPrefix(rest[pieceSize:], []byte("\n"))
		skip := bytes.IndexByte(piece, '\n') + 1
		for off := skip; off < len(piece); {
			line, _, whole := bytes.Cut(piece[off:], []byte("\n"))
			if t, ok := lineTime(line, zone, names); ok {
				timed = true
				if t.Before(since) {
					return from + int64(skip), true, true
				}
				break
			}
			if !whole {
				break
			}
			off += len(line) + 1
		}
	}
	return 0, timed, false
}

// searchFile finds the last lines that are wanted. A text is looked for on the host; everything else in
// more and more of the file.
func (r *fileReader) searchFile(ctx context.Context, conn Runner) error {
	enough := max(1000, 10*tail(r.q))
	if r.q.Grep != "" {
		enough = searchLimit // grep is quick, and only what it finds is sent
	}
	how := "once"
	if following(r.q) {
		how = "lines" // following begins with a line
	}
	found, short, err := searchBack(ctx, &r.q, enough, func(ctx context.Context, n int, take func(hosts.Entry)) error {
		r.id, r.at, r.last, r.backlog = fileID{}, 0, time.Time{}, nil
		if err := r.start(ctx, conn, n, how, r.q.Grep); err != nil {
			return err
		}
		defer func() {
			r.close()
			r.stream = nil
		}()
		for {
			e, err := r.next()
			switch {
			case errors.Is(err, io.EOF), errors.Is(err, errAgain):
				if r.part.picked {
					r.at = r.part.end
				}
				return nil
			case err != nil:
				return err
			}
			take(e)
		}
	})
	if err != nil {
		return err
	}
	r.searched, r.backlog = true, found
	if short {
		r.backlog = append([]hosts.Entry{note(r.src, r.last, fmt.Sprintf("only the last %d lines of the file were searched", searchLimit))}, found...)
	}
	return nil
}
