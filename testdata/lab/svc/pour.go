package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// pouring is what "svc pour" is asked for.
type pouring struct {
	name   string
	after  time.Duration
	rate   int // lines a second
	lines  int // in all
	file   string
	rotate []time.Duration // when the file is put aside, from the first line on
}

// lag is how long a program goes on writing to a file that was put aside, as one does until it is told.
const lag = 60 * time.Millisecond

// pour says that it is ready, waits, and writes numbered lines at a steady rate, each with the moment it was written.
func pour(ctx context.Context, p pouring) error {
	out, err := p.open()
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	w := bufio.NewWriterSize(out, 64<<10)
	say := func(n int, what string) {
		fmt.Fprintf(w, "%s INFO %s n=%07d %s\n", time.Now().UTC().Format("2006-01-02T15:04:05.000000000Z"), p.name, n, what)
	}
	say(0, "ready")
	if err := w.Flush(); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(p.after):
	}
	start := time.Now()
	var reopen time.Time
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for n := 0; n < p.lines; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		since := time.Since(start)
		for due := int(since.Seconds() * float64(p.rate)); n < min(due, p.lines); n++ {
			say(n+1, "the quick brown fox jumps over the lazy dog")
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if len(p.rotate) > 0 && since >= p.rotate[0] && reopen.IsZero() {
			p.rotate = p.rotate[1:]
			if err := putAside(p.file); err != nil {
				return err
			}
			reopen = time.Now().Add(lag)
		}
		if !reopen.IsZero() && time.Now().After(reopen) {
			reopen = time.Time{}
			fresh, err := p.open()
			if err != nil {
				return err
			}
			_ = out.Close()
			out = fresh
			w.Reset(out)
		}
	}
	return nil
}

func (p pouring) open() (io.WriteCloser, error) {
	if p.file == "" {
		return os.Stdout, nil
	}
	return os.OpenFile(p.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
}

// putAside renames a log as logrotate does, and those that were put aside before it.
func putAside(file string) error {
	for i := 8; i > 0; i-- {
		from, to := fmt.Sprintf("%s.%d", file, i), fmt.Sprintf("%s.%d", file, i+1)
		if err := os.Rename(from, to); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return os.Rename(file, file+".1")
}
