package findings

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"midwatch/checks"
	"midwatch/checks/report"
	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// details tells a finding: what, where, the evidence with the file around it, why, what to do.
func details(it *item, m *Memory, snap *hosts.Snapshot, now time.Time, p *ui.Page) {
	f := it.f
	glyph, word, role := it.look(&p.Styles().Glyphs)
	p.Field(word, glyph+" "+f.Title, role)
	p.Field("where", report.Place(f), themes.Text)
	if it.unknown() {
		unknownDetails(it, p)
		return
	}
	if f.Mute != nil {
		p.Field("muted", f.Mute.Reason+", until "+f.Mute.Until.Format("2006-01-02"), themes.Muted)
	}
	if !it.since.IsZero() {
		p.Field("seen", ui.Age(now.Sub(it.since))+" ago for the first time", themes.Muted)
	}
	p.Head("Evidence", "", false)
	for _, e := range f.Evidence {
		p.Line(themes.Faint, source(e, now))
		p.Line(themes.Text, "  "+strings.TrimSpace(e.Text))
	}
	around(f, snap, p)
	p.Head("Why", "", false)
	p.Line(themes.Text, f.Why)
	p.Head("Fix", "", false)
	for _, l := range strings.Split(f.Fix, "\n") {
		p.Line(themes.Accent, l)
	}
	p.Field("proved by", f.Verify, themes.Text)
	m.mendable(f, p)
	if len(it.under) > 0 {
		p.Head("It causes", "", false)
		for _, u := range it.under {
			p.Line(themes.Muted, u.Object+": "+u.Title+" ("+u.Check+")")
		}
	}
	p.Head("Check", f.Check, false)
	if it.check != nil {
		p.Line(themes.Muted, it.check.Title)
		for _, s := range it.check.Sources {
			p.Line(themes.Faint, s)
		}
	}
}

func unknownDetails(it *item, p *ui.Page) {
	p.Line(themes.Muted, "Nothing here is called good while that is not known.")
	p.Head("Checks that wait for it", itoa(len(it.waiting)), false)
	ids := slices.Clone(it.waiting)
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		p.Line(themes.Text, id)
	}
}

// source says where evidence is from and how old it is.
func source(e checks.Evidence, now time.Time) string {
	s := e.Source
	if e.Host != "" {
		s += " on " + e.Host
	}
	if !e.At.IsZero() {
		s += ", " + ui.Age(now.Sub(e.At)) + " ago"
	}
	return s
}

// evidenceAge is how old the oldest evidence is.
func evidenceAge(f *checks.Finding, now time.Time) (string, bool) {
	var oldest time.Time
	for _, e := range f.Evidence {
		if !e.At.IsZero() && (oldest.IsZero() || e.At.Before(oldest)) {
			oldest = e.At
		}
	}
	if oldest.IsZero() {
		return "", false
	}
	age := now.Sub(oldest)
	return ui.Age(age) + " old", age > 10*time.Minute
}

// nearLines is how many lines of the file are shown on both sides of the finding's.
const nearLines = 4

// around shows the file around the line, where its text is among the facts.
func around(f *checks.Finding, snap *hosts.Snapshot, p *ui.Page) {
	if f.File == "" || f.Line == 0 {
		return
	}
	text := fileText(f, snap)
	if text == "" {
		return
	}
	lines := strings.Split(text, "\n")
	if f.Line > len(lines) {
		return
	}
	p.Head(f.File, "", false)
	for n := max(1, f.Line-nearLines); n <= min(len(lines), f.Line+nearLines); n++ {
		mark, role := " ", themes.Muted
		if n == f.Line {
			mark, role = p.Styles().Glyphs.Cursor, themes.Strong
		}
		l := strings.ReplaceAll(strings.TrimRight(lines[n-1], "\r"), "\t", "    ")
		p.Raw(p.Styles().Normal.Render(role, ui.Trunc(fmt.Sprintf("%s%5d  %s", mark, n, ui.Clean(l)), p.Width())))
	}
}

// fileText finds the text of a file among the configurations of the host.
func fileText(f *checks.Finding, snap *hosts.Snapshot) string {
	h := snap.Host(f.Host)
	if h == nil {
		return ""
	}
	for _, n := range h.Nginx.Value {
		if n.Config == nil || n.Container != "" && !strings.Contains(f.Subject, "["+n.Container+"]") {
			continue
		}
		for _, x := range n.Config.Files {
			if x.Name == f.File {
				return string(x.Text)
			}
		}
	}
	for _, c := range h.Compose.Value {
		for _, x := range c.Files {
			if x.Path == f.File {
				return x.Text
			}
		}
	}
	return ""
}
