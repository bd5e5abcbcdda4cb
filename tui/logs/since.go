package logs

import (
	"strconv"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/tui/ui"
)

// since is a place in time to read a log from.
type since struct {
	title string
	back  time.Duration // 0: the last lines
	tail  int
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
	}
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
	for i, c := range sinceChoices() {
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
	q.Boot = false
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
