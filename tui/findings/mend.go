package findings

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/checks"
	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// mendable tells how the finding can be mended from here: the change itself, or why it takes a person.
func (m *Memory) mendable(f *checks.Finding, p *ui.Page) {
	o, ok := m.mends[f.ID()]
	if !ok || m.Plan == nil {
		return
	}
	if o.Mend == nil {
		p.Field("by hand", o.Why, themes.Muted)
		return
	}
	p.Head("Mend", "", false)
	p.Line(themes.Strong, "x plans it, changing nothing yet: "+o.Mend.Title)
	for _, file := range o.Mend.Files {
		p.Line(themes.Muted, file.Path)
		for _, e := range file.Edits {
			p.Line(themes.Bad, "  - "+strings.TrimSpace(e.Old))
			for _, l := range e.New {
				if strings.TrimSpace(l) != "" {
					p.Line(themes.OK, "  + "+strings.TrimSpace(l))
				}
			}
		}
	}
	for l := range strings.SplitSeq(string(o.Mend.Body), "\n") {
		if l != "" {
			p.Line(themes.OK, "  "+l)
		}
	}
	for _, l := range o.Mend.Also {
		p.Line(themes.Warn, p.Styles().Glyphs.Warn+" "+l)
	}
}

// planMend opens the plan of a finding's mend.
func (m *Memory) planMend(f *checks.Finding) tea.Cmd {
	o := m.mends[f.ID()]
	switch {
	case m.Plan == nil:
		return ui.Toast(hosts.LevelInfo, "nothing can be changed here")
	case o.Mend == nil && o.Why == "":
		return ui.Toast(hosts.LevelInfo, "the checks have not said yet whether this can be mended")
	case o.Mend == nil:
		return ui.Toast(hosts.LevelInfo, o.Why)
	}
	return ui.Open(m.Plan(f))
}
