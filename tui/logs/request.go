package logs

import (
	"slices"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/hosts/logline"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// visit is a log that was left for another and is gone back to.
type visit struct {
	query  hosts.LogQuery
	filter string
	find   string
	// request is set when one request was left for another.
	request string
	min     hosts.Level
	at      time.Time // of the line that was left
}

const (
	// around is how far from the line a request is looked for: longer than any proxy waits.
	around = 5 * time.Minute
	// maxRequestSources bounds how many logs are searched for a request at once.
	maxRequestSources = 300
)

// followRequest looks for the request of the line under the cursor in the logs of the whole fleet.
func (s *Screen) followRequest() tea.Cmd {
	l := s.current()
	if l == nil || l.kind != kindText {
		return ui.Toast(hosts.LevelInfo, "choose a line of the request first")
	}
	var rec logline.Record
	names := s.list.buf.fields(l.source)
	logline.ParseAs(&rec, l.text, names)
	id := ""
	if f, ok := logline.RequestIDAs(&rec, names); ok {
		id = logline.Follow(f)
	} else if found, ok := logline.FindID(l.text); ok {
		id = found
	} else {
		return ui.Toast(hosts.LevelInfo, "this line names no request: no field such as request_id or trace_id, no UUID (hosts.toml can name the field)")
	}
	at := l.at()
	if at.IsZero() {
		at = s.now
	}
	sources, left := s.requestSources()
	s.trail = append(s.trail, visit{query: s.feed.query, filter: s.filter.text, find: s.find.text, request: s.request, min: s.look.min, at: at})
	s.closePane()
	s.filter.set("")
	s.look.min = hosts.LevelNone
	s.find.set(`"` + id + `"`)
	q := hosts.LogQuery{Sources: sources, Since: at.Add(-around), Until: at.Add(around), Grep: id}
	s.request = id
	cmd := s.start(q)
	if left > 0 {
		return tea.Batch(cmd, ui.Toast(hosts.LevelWarn, ui.Count(left, "log")+" more than can be searched at once: narrow to a host first"))
	}
	return cmd
}

// requestSources are the logs a request may have left lines in: those that are open, then containers
// and journals of every host that answers.
func (s *Screen) requestSources() (list []hosts.LogSource, left int) {
	add := func(src hosts.LogSource) {
		switch {
		case slices.Contains(list, src):
		case len(list) >= maxRequestSources:
			left++
		default:
			list = append(list, src)
		}
	}
	for _, src := range s.feed.query.Sources {
		if src.Kind != hosts.LogUnit && src.Kind < hosts.LogEvents { // the journal of its host is read whole
			add(src)
		}
	}
	for _, h := range s.snap.Hosts {
		if h.Link.State != hosts.StateConnected {
			continue
		}
		if h.Host.Kind != hosts.KindDocker && h.Units.Known() {
			add(hosts.LogSource{Host: h.Host.Name, Kind: hosts.LogJournal})
		}
		for i := range h.Containers.Value {
			if c := &h.Containers.Value[i]; c.State != "created" {
				add(hosts.LogSource{Host: h.Host.Name, Kind: hosts.LogContainer, Name: c.Name})
			}
		}
	}
	return list, left
}

// goBack returns to the log that was left for a request.
func (s *Screen) goBack() tea.Cmd {
	v := s.trail[len(s.trail)-1]
	s.trail = s.trail[:len(s.trail)-1]
	s.request = v.request
	s.filter.set(v.filter)
	s.find.set(v.find)
	s.look.min = v.min
	q := v.query
	if q.Since.IsZero() || v.at.Before(q.Since) {
		// What was read must be there again, however much has been written since.
		q.Since, q.Tail = v.at.Add(-time.Minute), 0
	}
	return s.start(q)
}

// requestSays tells where the request that is followed has left lines, in the order of their number of
// lines, and how many logs have not answered yet.
func (s *Screen) requestSays() []piece {
	out := []piece{{"request " + ui.Clean(s.request) + "  ", themes.Strong}}
	b := s.list.buf
	reading, failed, found := 0, 0, 0
	for i := range b.sources {
		src := &b.sources[i]
		switch x := s.stateOf(src); {
		case src.lines > 0:
			found++
			out = append(out, piece{ui.Clean(src.Host) + "/" + sourceName(src.LogSource) + " ", themes.Source(i)}, piece{commas(int(src.lines)) + "  ", themes.Muted})
		case x.bad:
			failed++
		case x.word != "ended":
			reading++
		}
	}
	switch {
	case reading > 0:
		out = append(out, piece{"searching " + ui.Count(reading, "log"), themes.Info})
	case found == 0:
		out = append(out, piece{"in none of " + ui.Count(len(b.sources), "log"), themes.Warn})
	}
	if failed > 0 {
		out = append(out, piece{"  " + ui.Count(failed, "log") + " not readable (o)", themes.Warn})
	}
	return out
}
