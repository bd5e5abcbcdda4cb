package logs

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/hosts/logfilter"
	"midwatch/tui/ui"
)

// query is a text a person typed to find lines by: the filter, or the search.
type query struct {
	text  string
	terms logfilter.Filter
	err   string // what is wrong with it, "" for nothing
	input *ui.Input
	scan  *scan // of the search; the filter's belongs to the list
	// jump is where a search goes as soon as it finds something: -1 up, 1 down, 2 the nearest; 0
	// nowhere.
	jump int
	from int // where the reader was when the search was opened
}

// set parses a text.
func (q *query) set(text string) {
	terms, err := logfilter.Parse(text)
	q.text, q.terms, q.err = text, terms, ""
	if err != nil {
		q.err = err.Error()
	}
}

// predicate builds what lines must satisfy: the filter's terms, the level threshold and the sources
// that are on, and the extra terms.
func (s *Screen) predicate(extra logfilter.Filter) *predicate {
	p := &predicate{terms: append(append(logfilter.Filter(nil), s.filter.terms...), extra...), min: s.look.min, from: s.look.from, to: s.look.to, fold: s.look.fold}
	b := s.list.buf
	p.fields = b.allFields()
	names := needsNames(p.terms)
	for i := range b.sources {
		src := &b.sources[i]
		p.hidden = append(p.hidden, src.hidden)
		if names {
			p.hostOf = append(p.hostOf, strings.ToLower(src.Host))
			p.nameOf = append(p.nameOf, strings.ToLower(src.Name))
		}
	}
	p.prepare()
	return p
}

// rescan begins the filter's and the search's work anew, after what they look for or where they look
// has changed. Work in flight is cancelled.
func (s *Screen) rescan() tea.Cmd {
	b := s.list.buf
	s.epoch = b.epoch
	s.seenSources = len(b.sources)
	s.list.fit.void() // matches are marked in what was drawn
	old := s.list.filter
	old.stop()
	s.list.filter = nil
	s.pred = nil
	var cmd tea.Cmd
	if p := s.predicate(nil); !p.empty() {
		if old != nil && old.started && old.epoch == b.epoch {
			s.list.last = old
		}
		s.pred = p
		s.scans++
		s.list.filter = newScan(s.ctx, s.id, s.scans, p, b)
		cmd = begin(s.list.filter, b, s.filter.input != nil)
	} else {
		s.list.last = nil
	}
	if s.list.last != nil && s.list.last.epoch != b.epoch {
		s.list.last = nil
	}
	s.page.mend(&s.list, s.bodyH())
	s.noteIDs()
	return tea.Batch(cmd, s.research())
}

// research begins the search's work anew.
func (s *Screen) research() tea.Cmd {
	s.list.fit.void()
	s.find.scan.stop()
	s.find.scan = nil
	s.findPred = nil
	if len(s.find.terms) == 0 {
		return nil
	}
	b := s.list.buf
	p := s.predicate(s.find.terms)
	p.strict = true
	s.findPred = &predicate{strict: true, terms: s.find.terms, hostOf: p.hostOf, nameOf: p.nameOf, fields: p.fields}
	s.scans++
	s.find.scan = newScan(s.ctx, s.id, s.scans, p, b)
	return begin(s.find.scan, b, s.find.input != nil)
}

// begin returns the first work of a scan. While its text is being typed that is the newest lines.
func begin(sc *scan, b *Buffer, typing bool) tea.Cmd {
	if !typing || b.settled-b.base <= firstLines {
		return sc.next(b)
	}
	held := sc.hold()
	return tea.Batch(sc.next(b), held)
}

// release lets the scans go on that wait for the end of typing: the one with an id, or all for 0.
func (s *Screen) release(id uint64) tea.Cmd {
	var cmds []tea.Cmd
	for _, sc := range [...]*scan{s.list.filter, s.find.scan} {
		if sc != nil && sc.holds && (id == 0 || sc.id == id) {
			sc.holds = false
			cmds = append(cmds, sc.next(s.list.buf))
		}
	}
	return tea.Batch(cmds...)
}

// scanned takes the results of a piece of work.
func (s *Screen) scanned(m scannedMsg) tea.Cmd {
	if m.owner != s.id {
		return nil
	}
	b := s.list.buf
	switch {
	case s.list.filter != nil && m.id == s.list.filter.id:
		cmd := s.list.filter.take(m, b)
		if s.list.filter.started {
			s.list.last = nil
		}
		s.page.mend(&s.list, s.bodyH())
		s.noteIDs()
		return cmd
	case s.find.scan != nil && m.id == s.find.scan.id:
		cmd := s.find.scan.take(m, b)
		if s.find.jump != 0 {
			return tea.Batch(cmd, s.jump(s.find.jump))
		}
		return cmd
	}
	return nil
}

// jump goes to the next (1), previous (-1) or nearest (2) line found. While there is none and lines
// are still looked at, it goes as soon as one is found.
func (s *Screen) jump(dir int) tea.Cmd {
	sc := s.find.scan
	if sc == nil {
		s.find.jump = 0
		return ui.Toast(hosts.LevelInfo, "nothing is searched for: f finds")
	}
	at := s.page.cursor
	if s.page.follow {
		at = s.list.end()
	}
	var pos int
	wrapped := ""
	switch dir {
	case 1:
		if pos = sc.after(at + 1); pos < 0 && sc.done(s.list.buf) {
			pos, wrapped = sc.after(s.list.floor), "search went on at the top"
		}
	case -1:
		if pos = sc.before(at); pos < 0 && sc.done(s.list.buf) {
			pos, wrapped = sc.before(s.list.end()), "search went on at the bottom"
		}
	default:
		if pos = sc.after(s.find.from); pos < 0 {
			pos = sc.before(s.find.from)
		}
	}
	if pos < s.list.floor {
		pos = -1
	}
	if pos < 0 {
		if !sc.done(s.list.buf) {
			s.find.jump = dir
			return nil
		}
		s.find.jump = 0
		if s.find.input != nil {
			return nil // the count in the bar says it
		}
		return ui.Toast(hosts.LevelInfo, "not found: "+ui.Clean(s.find.text))
	}
	s.find.jump = 0
	s.page.jump(&s.list, s.bodyH(), pos)
	s.noteIDs()
	if wrapped != "" {
		return ui.Toast(hosts.LevelInfo, wrapped)
	}
	return nil
}
