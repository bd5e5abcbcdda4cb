package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"midwatch/hosts"
	"midwatch/hosts/inventory"
	"midwatch/tui/ui"
)

// spillPath is where what falls out of the memory of the Logs screen is kept; "" for nowhere.
func (a *app) spillPath(inv *inventory.Inventory) string {
	if a.spill != "" {
		return a.spill
	}
	return inventory.ExpandHome(inv.Console.LogSpill)
}

// spillFile keeps lines in a file that only its owner reads. Each addition is a frame of its own, so that what
// was added can be read whenever the program ends.
type spillFile struct {
	path string
	mu   sync.Mutex // one writer at a time: two logs may stand side by side
}

// add writes lines behind those that are there.
func (s *spillFile) add(write func(io.Writer) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, err := filepath.Abs(s.path)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	switch info, err := f.Stat(); {
	case err != nil:
		return err
	case !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%s: not a file that only you can read", name)
	}
	// Written at once: a frame that a kill or a full disk cut off would make all behind it unreadable.
	var frame bytes.Buffer
	z, err := zstd.NewWriter(&frame, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(z, 64<<10)
	if err = errors.Join(write(out), out.Flush(), z.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	n, err := f.Write(frame.Bytes())
	if err != nil && n > 0 {
		if end, serr := f.Seek(0, io.SeekCurrent); serr == nil {
			err = errors.Join(err, f.Truncate(end-int64(n)))
		}
	}
	if err = errors.Join(err, f.Sync()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// maxSpillLine is the longest line that is read back: a line of the screen has 256 KiB at most, and JSON may
// write each byte as six.
const maxSpillLine = 2 << 20

// readSpill gives the lines of a file in their order. A frame that was cut off is the end.
func readSpill(name string, do func(*hosts.Entry) error) error {
	f, err := os.Open(inventory.ExpandHome(name))
	if err != nil {
		return &exitError{exitUsage, err}
	}
	defer f.Close()
	z, err := zstd.NewReader(bufio.NewReaderSize(f, 256<<10), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
	if err != nil {
		return err
	}
	defer z.Close()
	lines := bufio.NewScanner(z)
	lines.Buffer(make([]byte, 0, 64<<10), maxSpillLine)
	for n := 1; lines.Scan(); n++ {
		var l spillLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return wrong("%s: line %d: %w", name, n, err)
		}
		e := l.entry()
		if err := do(&e); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return wrong("read %s: %w", name, err)
	}
	return nil
}

// spillLine is a line as the screen writes it down.
type spillLine struct {
	Time   *time.Time `json:"time"`
	Host   string     `json:"host"`
	Kind   string     `json:"kind"`
	Name   string     `json:"name"`
	Level  string     `json:"level"`
	Stderr bool       `json:"stderr"`
	Text   string     `json:"text"`
	Gap    bool       `json:"gap"`
	Note   bool       `json:"note"`
}

func (l *spillLine) entry() hosts.Entry {
	e := hosts.Entry{Host: l.Host, Stderr: l.Stderr, Text: hosts.Clean(l.Text), Source: hosts.LogSource{Host: l.Host, Name: l.Name}}
	if l.Time != nil {
		e.Time = *l.Time
	}
	for k := hosts.LogContainer; k <= hosts.LogProbes; k++ {
		if k.String() == l.Kind {
			e.Source.Kind = k
		}
	}
	for v := hosts.LevelTrace; v <= hosts.LevelFatal; v++ {
		if v.String() == l.Level {
			e.Level = v
		}
	}
	switch {
	case l.Gap:
		e.Kind = hosts.EntryGap
	case l.Note:
		e.Kind = hosts.EntryNote
	}
	return e
}

// printSpill prints what a file of spilled lines holds.
func (a *app) printSpill(f logsFlags, q hosts.LogQuery, keys []string) error {
	columns, err := ui.ParseLogColumns(f.columns)
	switch {
	case err != nil:
		return wrong("--columns: %w", err)
	case f.follow || f.screen || f.list || f.spill != "" || q.Boot || f.deploy() || f.event() != "":
		return wrong("--from-spill reads lines that are over: it goes with --since and --until by the clock, -n, --grep, --filter, --level, --columns and --json")
	}
	for _, k := range keys {
		if _, err := path.Match(k, ""); err != nil {
			return wrong("%s: %w", k, err)
		}
	}
	wanted := func(e *hosts.Entry) bool {
		key := e.Source.Key()
		return !e.Time.Before(q.Since) && (q.Until.IsZero() || !e.Time.After(q.Until)) &&
			(len(keys) == 0 || slices.ContainsFunc(keys, func(k string) bool { return k == key || matches(k, key) })) &&
			(e.Kind != hosts.EntryLine || strings.Contains(e.Text, q.Grep) && (q.Keep == nil || q.Keep(e)))
	}
	out := bufio.NewWriterSize(a.stdout, 64<<10)
	var sources []hosts.LogSource
	var last []hosts.Entry // a ring of those that are counted from the end
	n := 0
	p := a.linePrinter(nil, columns)
	err = readSpill(f.fromSpill, func(e *hosts.Entry) error {
		switch {
		case !wanted(e):
			return nil
		case q.Tail == 0:
			return p(out, e)
		case n < q.Tail:
			last = append(last, *e)
		default:
			last[n%q.Tail] = *e
		}
		n++
		if !slices.Contains(sources, e.Source) && len(sources) < 1000 {
			sources = append(sources, e.Source)
		}
		return nil
	})
	if q.Tail > 0 {
		p = a.linePrinter(sources, columns)
	}
	for i := range last {
		if err == nil {
			err = p(out, &last[(max(n, len(last))+i)%len(last)])
		}
	}
	return errors.Join(err, out.Flush())
}
