package remote

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
)

// Beat is one answer to a heartbeat.
type Beat struct {
	Messages int // in the inbox of the run
}

// Hold keeps the lock fresh until ctx ends, the connection is lost, or somebody else holds the lock, which is
// ErrFenced. beat is called for every answer of the host: it has just been reached, and the lock is ours.
func (l *Lock) Hold(ctx context.Context, beat func(Beat)) error {
	pr, pw := io.Pipe()
	defer pr.Close()
	defer pw.Close()
	s, err := l.h.Conn.Stream(ctx, hosts.Cmd{
		Argv:  []string{"sh", "-c", holdScript, "midwatch", l.file, l.mine, path.Join(l.h.runDir(l.Record.Run), "inbox")},
		Stdin: pr, Sudo: l.h.Sudo,
	})
	if err != nil {
		return fmt.Errorf("hold the lock: %w", err)
	}
	defer s.Close()
	every := min(l.Record.TTL/beats, maxBeat)
	answers := make(chan string)
	go func() {
		defer close(answers)
		for sc := bufio.NewScanner(s); sc.Scan(); {
			select {
			case answers <- sc.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for due := false; ; {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case a, open := <-answers:
			if !open {
				return l.ended(s)
			}
			n, ok := strings.CutPrefix(a, "ok ")
			if !ok {
				return fmt.Errorf("%s: %w", l.h.Name, ErrFenced)
			}
			messages, _ := strconv.Atoi(n)
			beat(Beat{Messages: messages})
			due = true
		case <-tick.C:
			// One beat at a time: a host that does not answer is not sent more.
			if !due {
				continue
			}
			due = false
			if _, err := pw.Write([]byte("\n")); err != nil {
				return l.ended(s)
			}
		}
	}
}

// ended says why the holder has ended.
func (l *Lock) ended(s hosts.Stream) error {
	res, err := s.Wait()
	switch {
	case err != nil:
		return fmt.Errorf("hold the lock: %w", err)
	case res.Exit == exitFenced:
		return fmt.Errorf("%s: %w", l.h.Name, ErrFenced)
	}
	return fmt.Errorf("%s: hold the lock: %w: %w", l.h.Name, hosts.ErrClosed, errors.New("its holder ended: "+lastLine(res.Stderr)))
}
