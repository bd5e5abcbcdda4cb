package logs

import (
	"io"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/tui/ui"
)

// spillMost bounds what waits to be written down: a disk that is slower than the log must not undo the
// budget of the buffer. What is beyond is dropped, and counted as that.
const spillMost = 64 << 20

// spill writes down what the buffer has no more room for, oldest first, one piece at a time.
type spill struct {
	waiting []*excerpt
	bytes   int
	busy    bool
	failed  bool   // writing failed once: nothing is written any more
	lines   uint64 // that are written down, of the stream that is shown
}

// spilledMsg is the end of one piece of writing.
type spilledMsg struct {
	owner *token
	gen   uint64 // of the stream
	bytes int
	lines int
	err   error
}

// spillOut takes what the buffer let go, and begins to write it.
func (s *Screen) spillOut() tea.Cmd {
	b := s.list.buf
	shed := b.shed
	b.shed = nil
	if len(shed) == 0 {
		return nil
	}
	x := &excerpt{chunks: shed, from: shed[0].first, to: shed[len(shed)-1].end()}
	bytes := 0
	for i := range shed {
		bytes += shed[i].bytes
	}
	if s.spill.failed || s.spill.bytes+bytes > spillMost {
		b.dropped += uint64(x.to - x.from)
		return nil
	}
	for i := range b.sources {
		x.sources = append(x.sources, b.sources[i].LogSource)
	}
	s.spill.waiting = append(s.spill.waiting, x)
	s.spill.bytes += bytes
	return s.spillNext()
}

func (s *Screen) spillNext() tea.Cmd {
	if s.spill.busy || len(s.spill.waiting) == 0 {
		return nil
	}
	list := s.spill.waiting
	s.spill.waiting, s.spill.busy = nil, true
	m := spilledMsg{owner: s.id, gen: s.feed.gen, bytes: s.spill.bytes}
	for _, x := range list {
		m.lines += x.to - x.from
	}
	keep := s.deps.Spill
	return func() tea.Msg {
		m.err = keep(func(w io.Writer) error {
			for _, x := range list {
				if _, err := x.write(w, formatJSON); err != nil {
					return err
				}
			}
			return nil
		})
		return m
	}
}

// spilled takes the end of a piece of writing.
func (s *Screen) spilled(m spilledMsg) tea.Cmd {
	if m.owner != s.id {
		return nil
	}
	s.spill.busy = false
	s.spill.bytes -= m.bytes
	mine := m.gen == s.feed.gen
	if m.err == nil {
		if mine {
			s.spill.lines += uint64(m.lines)
		}
		return s.spillNext()
	}
	if mine {
		s.list.buf.dropped += uint64(m.lines)
		for _, x := range s.spill.waiting {
			s.list.buf.dropped += uint64(x.to - x.from)
		}
	}
	s.spill.waiting, s.spill.bytes, s.spill.failed = nil, 0, true
	return ui.Toast(hosts.LevelError, "keep what falls out of the log: "+ui.Clean(m.err.Error())+"; it is dropped from here on")
}
