package ui

import (
	"unicode"
	"unicode/utf8"
)

// listRects are the parts of a listing; a width or height of 0 is a part that is not there.
type listRects struct {
	listW, listH int
	paneX, paneY int
	paneW, paneH int
}

const (
	// paneWide is where the details stand at the right, paneTall where they stand below.
	paneWide, paneTall = 150, 30
	listMinW, listMinH = 30, 5
)

// splitListing divides w by h cells.
func splitListing(w, h int, full, hidden bool) listRects {
	switch {
	case full:
		return listRects{paneW: w, paneH: h}
	case hidden:
	case w >= paneWide:
		pane := min(84, w*2/5)
		return listRects{listW: w - pane, listH: h, paneX: w - pane, paneW: pane, paneH: h}
	case h >= paneTall:
		pane := h * 2 / 5
		return listRects{listW: w, listH: h - pane, paneY: h - pane, paneW: w, paneH: pane}
	}
	return listRects{listW: w, listH: h}
}

func (l *Listing[T]) rects() listRects {
	_, row := l.Table.Selected()
	all, _ := l.Table.Len()
	return splitListing(l.w, l.h, l.full && row, l.hidden || all == 0)
}

// SetSize gives the screen its cells.
func (l *Listing[T]) SetSize(w, h int) {
	l.w, l.h = w, h
	l.fit()
}

func (l *Listing[T]) fit() {
	r := l.rects()
	if r.listH > 0 {
		l.Table.SetSize(max(0, r.listW-FrameW), max(0, r.listH-FrameH))
	}
	l.pane.SetSize(max(0, r.paneW-FrameW-2), max(0, r.paneH-FrameH))
	l.drawn = false
}

// View draws the screen.
func (l *Listing[T]) View() string {
	if l.w <= 0 || l.h <= 0 {
		return Join(nil, l.w, l.h)
	}
	if l.w < listMinW || l.h < listMinH {
		return TooSmall(l.w, l.h, listMinW, listMinH)
	}
	r := l.rects()
	if l.Table.w != r.listW-FrameW && r.listW > 0 || l.Table.h != r.listH-FrameH && r.listH > 0 || l.pane.w != max(0, r.paneW-FrameW-2) || l.pane.h != max(0, r.paneH-FrameH) {
		l.fit() // rows came or went, and the details with them
	}
	var list, pane []string
	if r.listH > 0 {
		f := Frame{Title: l.title(), Focus: true, Footer: l.footer()}
		if l.Note != nil {
			f.Note, f.Stale = l.Note()
		}
		list = f.Lines(l.Deps.Styles, r.listW, r.listH, l.Table.Lines())
	}
	if r.paneH > 0 && r.paneW > 0 {
		pane = l.paneLines(r)
	}
	switch {
	case r.paneX > 0:
		list = Beside(list, pane)
	default:
		list = append(list, pane...)
	}
	return Join(list, l.w, l.h)
}

// paneLines draws the details of the selected row; they are written anew when they may have changed.
func (l *Listing[T]) paneLines(r listRects) []string {
	row, ok := l.Table.Selected()
	f := Frame{Title: "details", Focus: l.full}
	if !ok {
		l.of = ""
		return f.Lines(l.Deps.Styles, r.paneW, r.paneH, []string{" no " + l.Noun + " is selected"})
	}
	if l.of != row.ID {
		l.pane.Top()
		l.of, l.drawn = row.ID, false
	}
	if !l.drawn {
		p := NewPage(l.Deps.Styles, r.paneW-FrameW-2)
		l.Details(row.Value, p)
		l.pane.SetLines(p.Lines())
		l.drawn = true
	}
	if l.Name != nil {
		f.Title = l.Name(row.Value)
	}
	if l.Age != nil {
		f.Note, f.Stale = l.Age(row.Value)
	}
	f.Footer = l.pane.Position()
	lines := l.pane.Lines()
	body := make([]string, len(lines))
	for i := range lines {
		body[i] = " " + lines[i]
	}
	return f.Lines(l.Deps.Styles, r.paneW, r.paneH, body)
}

// title counts what there is.
func (l *Listing[T]) title() string {
	title := l.ListingParams.Title
	if l.Open.Host != "" {
		title += " of " + l.Hosts()
	}
	if l.Heading != nil {
		if t := l.Heading(); t != "" {
			title += "  " + t
		}
	}
	return title
}

// Title names the screen in the trail.
func (l *Listing[T]) Title() string {
	title := l.ListingParams.Title
	if l.Open.Host != "" {
		title += " " + l.Hosts()
	}
	if r, ok := l.Table.Selected(); l.full && ok && l.Name != nil {
		title += " " + l.Deps.Styles.Glyphs.Crumb + " " + l.Name(r.Value)
	}
	return title
}

// footer says what the table is narrowed to and what is marked.
func (l *Listing[T]) footer() string {
	text := ""
	add := func(t string) {
		if text != "" {
			text += " " + l.Deps.Styles.Glyphs.Separator + " "
		}
		text += t
	}
	if n := l.Table.Marks(); n > 0 {
		add(itoa(n) + " marked")
	}
	if l.only {
		add("only problems, " + itoa(l.left) + " left out (e)")
	}
	if id, desc := l.Table.Sort(); id != "" {
		dir := "up"
		if desc {
			dir = "down"
		}
		add("by " + id + " " + dir)
	}
	return text
}

// Capital is s with its first letter in upper case.
func Capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}
