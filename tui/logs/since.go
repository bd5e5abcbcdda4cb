package logs

import (
	"strconv"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/checks/past"
	"midwatch/hosts"
	"midwatch/tui/ui"
)

// since is a place in time to read a log from.
type since struct {
	title string
	back  time.Duration // 0: the last lines
	tail  int
	boot  bool      // since the hosts were started
	at    time.Time // or since a moment
}

func sinceChoices() []since {
	return []since{
		{title: "the last 200 lines of each source", tail: 200},
		{title: "the last 2,000 lines of each source", tail: 2000},
		{title: "the last 5 minutes", back: 5 * time.Minute},
		{title: "the last 15 minutes", back: 15 * time.Minute},
		{title: "the last hour", back: time.Hour},
		{title: "the last 6 hours", back: 6 * time.Hour},
		{title: "the last 24 hours", back: 24 * time.Hour},
		{title: "the last 7 days", back: 7 * 24 * time.Hour},
		{title: "since each host was started", boot: true},
	}
}

// maxEvents is how many events a log can be read from.
const maxEvents = 8

// sinceEvents are the newest events of the hosts whose logs are open, newest first: seen, or told by the facts.
func (s *Screen) sinceEvents() []since {
	of := map[string]bool{}
	for _, src := range s.feed.query.Sources {
		of[src.Host] = true
	}
	snap := &hosts.Snapshot{}
	for _, h := range s.snap.Hosts {
		if of[h.Host.Name] {
			snap.Hosts = append(snap.Hosts, h)
		}
	}
	for i := range s.snap.Events {
		if of[s.snap.Events[i].Host] {
			snap.Events = append(snap.Events, s.snap.Events[i])
		}
	}
	var book past.Book
	book.Take(snap, nil)
	list := book.Entries()
	var out []since
	for i := len(list) - 1; i >= 0 && len(out) < maxEvents; i-- {
		e := &list[i]
		layout := "15:04:05"
		if s.now.Sub(e.At) >= 20*time.Hour {
			layout = "Jan 02 15:04"
		}
		words := ui.Clean(strings.Join(strings.Fields(e.Host+" "+e.Kind+" "+e.Object+" "+e.Action), " "))
		if e.Detail != "" {
			words += ": " + ui.Clean(e.Detail)
		}
		out = append(out, since{title: "since " + e.At.In(s.now.Location()).Format(layout) + "  " + words, at: e.At})
	}
	return out
}

// sincePane offers the places.
type sincePane struct {
	table   *ui.Table[since]
	actions []ui.Action
}

func (s *Screen) openSince() tea.Cmd {
	p := &sincePane{table: ui.NewTable(s.deps.Styles, []ui.Column[since]{{
		ID: "since", Title: "read", Min: 10, Grow: true, Cell: func(c since) ui.Cell { return ui.Cell{Text: c.title} },
	}})}
	rows := make([]ui.Row[since], 0, 8)
	for i, c := range append(sinceChoices(), s.sinceEvents()...) {
		rows = append(rows, ui.Row[since]{ID: strconv.Itoa(i), Version: 1, Value: c})
	}
	p.table.SetRows(rows)
	p.actions = s.sinceActions(p)
	s.pane = pane{kind: paneSince, since: p}
	s.layout()
	return nil
}

func (s *Screen) sinceActions(p *sincePane) []ui.Action {
	list := []ui.Action{ui.Act("logs.since.choose", "Since", "read from there", s.chooseSince, "enter")}
	for _, a := range p.table.Actions() {
		switch a.ID {
		case "list.up", "list.down", "list.first", "list.last":
			list = append(list, a)
		}
	}
	return list
}

// chooseSince opens the stream again from the chosen place.
func (s *Screen) chooseSince() tea.Cmd {
	r, ok := s.pane.since.table.Selected()
	if !ok {
		return nil
	}
	q := s.feed.query
	q.Since, q.Until, q.Tail, q.Follow = time.Time{}, time.Time{}, r.Value.tail, true
	q.Boot = r.Value.boot
	if !r.Value.at.IsZero() {
		q.Since = r.Value.at.Add(-time.Second) // the event is in sight where its source is followed
	}
	if r.Value.back > 0 {
		q.Since = s.deps.Now().Add(-r.Value.back)
	}
	s.closePane()
	cmd := s.start(q)
	s.feed.back = r.Value.back
	return cmd
}

// sinceText says from where the log was read.
func (s *Screen) sinceText() string {
	q := &s.feed.query
	switch {
	case q.Boot:
		return "since the hosts' start"
	case !q.Since.IsZero() && !q.Until.IsZero():
		return q.Since.In(s.now.Location()).Format("15:04:05") + " to " + q.Until.In(s.now.Location()).Format("15:04:05")
	case !q.Since.IsZero():
		return "since " + q.Since.In(s.now.Location()).Format("15:04:05")
	case q.Tail > 0:
		return "last " + commas(q.Tail)
	default:
		return "last 200"
	}
}
