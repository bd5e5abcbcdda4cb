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
func (a *app) tail(ctx context.Context, w *world, q hosts.LogQuery, more []pattern, columns ui.LogColumns) error {
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
	p := a.linePrinter(q.Sources, columns)
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
func (a *app) linePrinter(sources []hosts.LogSource, columns ui.LogColumns) logPrinter {
	if a.flags.json {
		return printEntryJSON
	}
	p := &columnPrinter{st: a.styles(a.stdout), columns: columns, now: a.now, index: map[hosts.LogSource]int{}}
	// Columns as wide as the widest source, so that they stand still.
	for i, s := range sources {
		p.index[s] = i
		p.width = max(p.width, ui.Width(p.name(s)))
	}
	p.width = min(p.width, 40)
	return p.print
}

// columnPrinter writes entries for people.
type columnPrinter struct {
	st      *themes.Styles
	columns ui.LogColumns
	now     func() time.Time
	index   map[hosts.LogSource]int
	width   int // of the names of sources
}

func (p *columnPrinter) print(w *bufio.Writer, e *hosts.Entry) error {
	if _, known := p.index[e.Source]; !known { // it joined later
		p.index[e.Source] = len(p.index)
	}
	head := p.head(e)
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
		if _, err := fmt.Fprintf(w, "%s%s\n", head, p.st.Normal.Render(role, line)); err != nil {
			return err
		}
	}
	return nil
}

// head is what stands before the text of a line. Levels are shown when they are asked for: most lines say
// theirs themselves.
func (p *columnPrinter) head(e *hosts.Entry) string {
	var b strings.Builder
	late := " "
	if e.Late {
		late = "~"
	}
	if p.columns.Time != ui.TimeOff {
		b.WriteString(p.st.Normal.Render(themes.Faint, p.stamp(e)+late))
	} else if e.Late {
		b.WriteString(p.st.Normal.Render(themes.Faint, late))
	}
	if p.columns.Host.On(true) || p.columns.Source.On(true) {
		b.WriteString(p.st.Normal.Render(themes.Source(p.index[e.Source]), ui.Fit(p.name(e.Source), p.width)) + " ")
	}
	if p.columns.Level == ui.ShownAlways {
		b.WriteString(p.st.Normal.Render(themes.Level(int(e.Level)), ui.Fit(e.Level.String(), 6)) + " ")
	}
	return b.String()
}

func (p *columnPrinter) stamp(e *hosts.Entry) string {
	const layout = "2006-01-02 15:04:05.000"
	at := e.Corrected()
	switch {
	case p.columns.Time == ui.TimeAge && at.IsZero():
		return ui.FitRight("-", 6)
	case p.columns.Time == ui.TimeAge:
		return ui.FitRight(ui.Age(p.now().Sub(at)), 6)
	case at.IsZero():
		return ui.Pad("-", len(layout))
	case p.columns.Time == ui.TimeUTC:
		return at.UTC().Format(layout) + "Z"
	}
	return at.Local().Format(layout)
}

// name is that of a source in its column: the host, what writes there, or both.
func (p *columnPrinter) name(s hosts.LogSource) string {
	switch {
	case !p.columns.Source.On(true):
		return s.Host
	case !p.columns.Host.On(true) && s.Name == "":
		return s.Kind.String()
	case !p.columns.Host.On(true):
		return strings.TrimSuffix(s.Name, ".service")
	case s.Name == "":
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
