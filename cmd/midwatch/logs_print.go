package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// tail prints a stream until it ends; sources that more matches later on join it. The exit code is
// incomplete when a source failed.
func (a *app) tail(ctx context.Context, w *world, q hosts.LogQuery, more []pattern) error {
	stream, err := w.Tail(ctx, q)
	if err != nil {
		return err
	}
	defer stream.Close()
	ctx, stop := context.WithCancel(ctx)
	var joins sync.WaitGroup
	joins.Go(func() { joining(ctx, w.Fleet, stream, more) })
	defer joins.Wait()
	defer stop()
	out := bufio.NewWriterSize(a.stdout, 64<<10)
	p := a.linePrinter(q.Sources)
	said := map[string]string{}
	clocks := map[string]time.Duration{}
	failed := false
	for {
		batch, err := stream.Next(ctx)
		if err != nil {
			return errors.Join(err, out.Flush())
		}
		if batch.Dropped > 0 {
			a.warn("%s skipped: they came faster than they could be written", ui.Count(int(min(batch.Dropped, 1<<30)), "line"))
		}
		for i := range batch.Entries {
			if err := p(out, &batch.Entries[i]); err != nil {
				return err
			}
		}
		// Flushed once a frame: a reader at the other end of a pipe sees lines as they come.
		if err := out.Flush(); err != nil {
			return err
		}
		for i := range batch.Status {
			s := &batch.Status[i]
			a.tellClock(s, clocks)
			bad := s.State == "failed" || s.State == "retrying"
			if bad && said[s.Source.Key()] != s.Reason {
				said[s.Source.Key()] = s.Reason
				a.warn("%s: %s", s.Source.Key(), s.Reason)
			}
			failed = failed || s.State == "failed"
		}
		if batch.Done {
			if failed {
				return silently(exitIncomplete)
			}
			return nil
		}
	}
}

// tellClock says once how far a host's clock is off.
func (a *app) tellClock(s *hosts.LogStatus, told map[string]time.Duration) {
	host := s.Source.Host
	if old, ok := told[host]; s.Offset == 0 || ok && (s.Offset-old).Abs() < 100*time.Millisecond {
		return
	}
	told[host] = s.Offset
	where := "ahead of"
	if s.Offset < 0 {
		where = "behind"
	}
	a.warn("%s: its clock is %s %s ours; times are corrected", host, s.Offset.Abs().Round(time.Millisecond), where)
}

type logPrinter func(*bufio.Writer, *hosts.Entry) error

// linePrinter returns what writes an entry.
func (a *app) linePrinter(sources []hosts.LogSource) logPrinter {
	if a.flags.json {
		return printEntryJSON
	}
	st := a.styles(a.stdout)
	// Columns as wide as the widest source, so that they stand still.
	width := 0
	index := map[hosts.LogSource]int{}
	for i, s := range sources {
		index[s] = i
		width = max(width, ui.Width(sourceName(s)))
	}
	width = min(width, 40)
	return func(w *bufio.Writer, e *hosts.Entry) error {
		if _, known := index[e.Source]; !known { // it joined later
			index[e.Source] = len(index)
		}
		name := st.Normal.Render(themes.Source(index[e.Source]), ui.Fit(sourceName(e.Source), width))
		stamp := e.Corrected().Local().Format("2006-01-02 15:04:05.000")
		if e.Time.IsZero() {
			stamp = ui.Pad("-", 23)
		}
		late := " "
		if e.Late {
			late = "~"
		}
		role := themes.Text
		if e.Level >= hosts.LevelWarn {
			role = themes.Level(int(e.Level))
		}
		text := e.Text
		for first := true; first || text != ""; first = false {
			var line string
			line, text, _ = strings.Cut(text, "\n")
			if !first {
				line = "  " + line // a stack trace belongs to the line above
			}
			if _, err := fmt.Fprintf(w, "%s%s %s\n", st.Normal.Render(themes.Faint, stamp+late), name, st.Normal.Render(role, line)); err != nil {
				return err
			}
		}
		return nil
	}
}

func sourceName(s hosts.LogSource) string {
	if s.Name == "" {
		return s.Host + "/" + s.Kind.String()
	}
	return s.Host + "/" + strings.TrimSuffix(s.Name, ".service")
}

// entryJSON is one line of "midwatch logs --json".
type entryJSON struct {
	Time   *time.Time `json:"time"`                // by our clock; null when the source has none
	Theirs *time.Time `json:"host_time,omitempty"` // by the host's clock, where that is known to be off
	Late   bool       `json:"late,omitempty"`      // newer lines of other sources came before it
	Entry  string     `json:"entry,omitempty"`     // "gap" or "note" for what is no line of the log
	Host   string     `json:"host"`
	Kind   string     `json:"kind"`
	Name   string     `json:"name,omitempty"`
	Source string     `json:"source"`
	Level  string     `json:"level,omitempty"`
	Stderr bool       `json:"stderr,omitempty"`
	Text   string     `json:"text"`
}

func printEntryJSON(w *bufio.Writer, e *hosts.Entry) error {
	line := entryJSON{
		Host: e.Host, Kind: e.Source.Kind.String(), Name: e.Source.Name, Source: e.Source.Key(),
		Level: e.Level.String(), Stderr: e.Stderr, Text: e.Text,
	}
	line.Late = e.Late
	switch e.Kind {
	case hosts.EntryGap:
		line.Entry = "gap"
	case hosts.EntryNote:
		line.Entry = "note"
	case hosts.EntryLine:
	}
	if at := e.Corrected(); !at.IsZero() {
		line.Time = &at
		if e.Offset != 0 {
			line.Theirs = &e.Time
		}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(line)
}
