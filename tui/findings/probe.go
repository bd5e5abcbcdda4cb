package findings

import (
	"context"
	"slices"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/checks/live"
	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// Prober makes the live probes of diagnoses. All it does only reads.
type Prober interface {
	// Probe asks every station on the way of a URL what a diagnosis wants to know.
	Probe(ctx context.Context, s *hosts.Snapshot, diagnosis, url string) ([]hosts.Asked, error)
	// NoLive says why nobody can be asked here, "" when they can.
	NoLive() string
}

// askedMsg brings what live probes of a diagnosis were answered.
type askedMsg struct {
	of        *Memory
	diagnosis string
	asked     []hosts.Asked
	err       error
}

// probeAction asks the stations of the question's requests for real, after the person agreed.
func (s *Guide) probeAction() ui.Action {
	a := ui.Act("guide.probe", "Question", "ask for real", func() tea.Cmd {
		r, _ := s.Table.Selected()
		d, urls := r.Value.d.ID, s.suggested(r.Value)
		return func() tea.Msg {
			return ui.ConfirmMsg{
				Title: "Ask for real?",
				Body: []string{
					"GET, which only reads, at every station on the way, from the host each is on.",
					"No login is sent and no redirect is followed. The lines appear in the access logs.",
				},
				Field: "URL", Text: strings.Join(urls, " "), Wrong: func(text string) string { return wrongURL(d, text) }, Effect: ui.Look,
				Run: func(text string) tea.Cmd {
					return s.memory.probe(s.Deps.Context, s.Snap, d, strings.Fields(text))
				},
			}
		}
	}, "p")
	a.Disabled = func() string {
		r, ok := s.Table.Selected()
		switch {
		case !ok || s.Snap == nil:
			return "nothing is chosen"
		case !live.Has(r.Value.d.ID):
			return "this question has no live probe"
		case s.memory.prober.NoLive() != "":
			return s.memory.prober.NoLive()
		}
		return ""
	}
	return a
}

// maxURLs bounds how many URLs are asked at once: each is asked at every station of its way.
const maxURLs = 5

// wrongURL says why a text is no URL, or several with spaces between, that a diagnosis can be asked with.
func wrongURL(diagnosis, text string) string {
	urls := strings.Fields(text)
	switch {
	case len(urls) == 0:
		return "type the URL that shows the trouble, https://name/path"
	case len(urls) > maxURLs:
		return "at most " + itoa(maxURLs) + " URLs at once"
	}
	for _, u := range urls {
		if _, err := live.Probes(diagnosis, u); err != nil {
			return err.Error()
		}
	}
	return ""
}

func (s *Guide) suggested(p *path) []string {
	return live.Suggest(s.Snap, s.Deps.Edges, p.d.ID, p.causes)
}

// probe asks the URLs one after the other.
func (m *Memory) probe(ctx context.Context, s *hosts.Snapshot, diagnosis string, urls []string) tea.Cmd {
	if m.probing[diagnosis] == asking {
		return nil
	}
	m.probing[diagnosis] = asking
	run := m.prober.Probe
	return func() tea.Msg {
		msg := askedMsg{of: m, diagnosis: diagnosis}
		for _, u := range urls {
			got, err := run(ctx, s, diagnosis, u)
			msg.asked = append(msg.asked, got...)
			if err != nil && msg.err == nil {
				msg.err = err
			}
		}
		if len(msg.asked) > 0 {
			msg.asked, msg.err = live.Telling(msg.asked), nil
		}
		return msg
	}
}

const asking = "asking every station"

// heard keeps the answers, in place of what the diagnosis was answered before.
func (m *Memory) heard(msg askedMsg) bool {
	if msg.of != m {
		return false
	}
	delete(m.probing, msg.diagnosis)
	if msg.err != nil {
		m.probing[msg.diagnosis] = hosts.CleanLine(msg.err.Error())
		return true
	}
	// What was published is read by a run: a new list.
	next := slices.DeleteFunc(slices.Clone(m.asked), func(a hosts.Asked) bool { return a.Diagnosis == msg.diagnosis })
	m.asked = append(next, msg.asked...)
	return true
}

// heardOf writes what the stations answered, from outside in.
func (m *Memory) heardOf(diagnosis string, now time.Time, p *ui.Page) {
	if !live.Has(diagnosis) || m.prober == nil {
		return
	}
	g := &p.Styles().Glyphs
	p.Head("Asked for real", "", false)
	if text := m.probing[diagnosis]; text != "" {
		p.Line(themes.Muted, text)
	}
	n := 0
	for _, x := range live.Judge(live.Fresh(m.asked, now)) {
		if x.Diagnosis != diagnosis {
			continue
		}
		n++
		what := x.URL
		if x.Variant != "" {
			what += ", " + x.Variant + " request"
		}
		p.Line(themes.Strong, what)
		for _, a := range x.Asked {
			role, mark := themes.Text, g.Stopped
			if a == x.At {
				role, mark = themes.Bad, g.Bad
			}
			p.Line(role, mark+" "+strings.TrimSpace(a.Kind+" "+a.Object+" "+a.Host)+": "+live.Answer(a))
			p.Line(themes.Faint, "  "+ui.Age(now.Sub(a.At))+" ago on "+a.From+": "+a.Command)
		}
		role := map[live.Verdict]themes.Role{live.Proved: themes.Bad, live.NotSeen: themes.OK, live.Unclear: themes.Unknown}[x.Verdict]
		p.Field(x.Verdict.String(), x.Says, role)
	}
	if n == 0 && m.probing[diagnosis] == "" {
		p.Line(themes.Muted, "not yet; p asks, and only reads")
	}
}
