package tui

import (
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// rects says on which lines the parts of the console stand; -1 is nowhere.
type rects struct{ header, tabs, body, bodyH, footer int }

// layout gives the screen what the bars leave: below 8 lines the tabs go, below 4 all bars.
func layout(w, h int) rects {
	const withTabs, withBars = 8, 4
	switch {
	case h >= withTabs && w > 0:
		return rects{header: 0, tabs: 1, body: 2, bodyH: h - 3, footer: h - 1}
	case h >= withBars && w > 0:
		return rects{header: 0, tabs: -1, body: 1, bodyH: h - 2, footer: h - 1}
	default:
		return rects{header: -1, tabs: -1, body: 0, bodyH: max(0, h), footer: -1}
	}
}

func (r *Root) resize() {
	l := layout(r.w, r.h)
	if s := r.nav.top(); s != nil {
		s.SetSize(max(0, r.w), l.bodyH)
	}
}

// View draws the console.
func (r *Root) View() string {
	if r.quit || r.h <= 0 || r.w <= 0 {
		return ""
	}
	l := layout(r.w, r.h)
	st := r.p.Deps.Styles
	lines := make([]string, r.h)
	if s := r.nav.top(); s != nil {
		for i, line := range strings.Split(s.View(), "\n") {
			if i < l.bodyH {
				lines[l.body+i] = line
			}
		}
	}
	if l.header >= 0 {
		lines[l.header] = r.header(st)
		lines[l.footer] = r.footer(st)
	}
	if l.tabs >= 0 {
		lines[l.tabs] = r.tabLine(st)
	}
	lines = r.overlays(st, lines, l)
	v := ui.Join(lines, r.w, r.h)
	if st.ASCII {
		return ui.ASCII(v)
	}
	return v
}

// overlays draws the boxes that are open and the toasts over the body.
func (r *Root) overlays(st *themes.Styles, lines []string, l rects) []string {
	for i, o := range r.over {
		if _, question := o.(*ask); question && i < len(r.over)-1 {
			continue // one question at a time
		}
		box := o.box(st, r.w, l.bodyH)
		if len(box) == 0 {
			continue
		}
		x, y := max(0, (r.w-ui.Width(box[0]))/2), l.body+max(0, (l.bodyH-len(box))/2)
		if p, ok := o.(*palette); ok {
			y = l.body
			p.x, p.y = x, y+3 // border, input and a blank line
		}
		lines = ui.Overlay(lines, box, x, y, r.w)
	}
	for i, t := range r.toasts.lines(st, r.w) {
		n := len(r.toasts.lines(st, r.w))
		y := l.body + l.bodyH - n + i
		if y >= l.body {
			lines = ui.Overlay(lines, []string{t}, max(0, r.w-ui.Width(t)), y, r.w)
		}
	}
	return lines
}

// header is the bar of what must be known at any time: the state of the fleet, how old that is,
// whether things can be changed, and the time.
func (r *Root) header(st *themes.Styles) string {
	now := r.p.Deps.Now()
	pal := &st.Header
	left := pal.Render(themes.Title, " midwatch ")
	if r.p.Where != "" {
		left += pal.Render(themes.Muted, ui.TruncLeft(ui.Clean(r.p.Where), max(8, r.w/4))+" ")
	}
	v := r.verdict(now)
	glyph, role := v.look(st)
	left += pal.Render(role, " "+glyph+" "+ui.Clean(v.Text))
	right := r.leaseText(st, now) + pal.Render(themes.Text, " "+now.Format(time.TimeOnly)+" ")
	// What there is room for, the most important last to go.
	room := r.w - ui.Width(left) - ui.Width(right)
	for _, part := range []string{r.dataAge(pal, now), counts(st, pal, v)} {
		if n := ui.Width(part); n > 0 && n+1 < room {
			right = part + right
			room -= n
		}
	}
	gap := r.w - ui.Width(right) - ui.Width(left)
	if gap < 0 {
		left = ui.Trunc(left, max(0, r.w-ui.Width(right)))
		gap = max(0, r.w-ui.Width(right)-ui.Width(left))
	}
	return left + pal.Render(themes.Text, ui.Spaces(gap)) + right
}

func (r *Root) verdict(now time.Time) Verdict {
	if r.snap == nil {
		return Verdict{Text: "no fleet"}
	}
	if r.p.Verdict != nil {
		return r.p.Verdict(r.snap, now)
	}
	return Summarize(r.snap, now)
}

func counts(st *themes.Styles, pal *themes.Palette, v Verdict) string {
	out := ""
	if v.Stale > 0 {
		out += pal.Render(themes.Warn, " "+st.Glyphs.Stale+strconv.Itoa(v.Stale)+" stale")
	}
	if v.Unknown > 0 {
		out += pal.Render(themes.Unknown, " "+st.Glyphs.Unknown+strconv.Itoa(v.Unknown)+" unknown")
	}
	return out
}

// late is the age from which the newest data of the whole fleet is marked.
const late = 30 * time.Second

func (r *Root) dataAge(pal *themes.Palette, now time.Time) string {
	var latest time.Time
	if r.snap != nil {
		for _, h := range r.snap.Hosts {
			if h.Latest.After(latest) {
				latest = h.Latest
			}
		}
	}
	if latest.IsZero() {
		return ""
	}
	role := themes.Muted
	if now.Sub(latest) >= late {
		role = themes.Warn
	}
	return pal.Render(role, "  data "+ui.AgeOf(latest, now)+" ")
}

func (r *Root) leaseText(st *themes.Styles, now time.Time) string {
	var l hosts.Lease
	if r.p.Deps.Ops != nil {
		l = r.p.Deps.Ops.Lease()
	}
	if !l.Active(now) {
		return st.Header.Render(themes.Muted, " "+st.Glyphs.Locked+" read-only"+r.unlockKey()+" ")
	}
	reason := ui.Trunc(ui.Clean(l.Reason), max(0, min(30, r.w/5)))
	return st.Header.Render(themes.Unlocked, " "+st.Glyphs.Unlocked+" UNLOCKED "+reason+" "+ui.Countdown(l.Until.Sub(now))+" ")
}

// unlockKey names the key of the write lease, where there is one to have.
func (r *Root) unlockKey() string {
	if r.p.Deps.Ops == nil {
		return ""
	}
	key := "L"
	if k, ok := r.p.Keys["app.lease"]; ok {
		if len(k) == 0 {
			return ""
		}
		key = ui.KeyName(k[0])
	}
	return " (" + key + ")"
}

// tabNames are the tabs as they fit: with their titles, with the beginnings of those, or only numbers
// and the current title.
func (r *Root) tabNames() []string {
	room := r.w
	if n := ui.Width(r.crumbs()); n > 0 {
		room -= min(n, r.w/3) + 2
	}
	var names []string
	for _, x := range tabForms {
		total := 0
		names = names[:0]
		for i, f := range r.p.Screens {
			n := tabName(r.tabKey(i), f.Title, x, i == r.nav.at)
			total += ui.Width(n)
			names = append(names, n)
		}
		if total <= room {
			break
		}
	}
	return names
}

// tabForm is how much of the titles is shown, and whether tabs stand close together.
type tabForm struct {
	cut   int
	tight bool
}

// longestTitle is more than any title of a screen has.
const longestTitle = 40

var tabForms = [...]tabForm{{longestTitle, false}, {longestTitle, true}, {5, true}, {4, true}, {3, true}, {0, false}, {0, true}}

// tabKey is the key of tab i as its name shows it: the first ten have their numbers, others may have a letter.
func (r *Root) tabKey(i int) string {
	if i > 9 {
		return r.p.Screens[i].Key
	}
	return strconv.Itoa((i + 1) % 10)
}

// tabName is the name of a tab with its key, if it has one, and so much of its title; the current one has all
// of it.
func tabName(key, title string, x tabForm, current bool) string {
	number := ""
	if key != "" {
		number = key + " "
	}
	if current {
		return "[" + number + title + "]"
	}
	text := strings.TrimRight(number+ui.Slice(title, 0, x.cut), " ")
	if text == "" {
		text = "+"
	}
	if x.tight {
		return " " + text
	}
	return " " + text + " "
}

// crumbs is the way to the screen on top; "" where the tab says it all.
func (r *Root) crumbs() string {
	var out []string
	for _, e := range r.nav.tabs[r.nav.at].stack {
		out = append(out, ui.Clean(e.screen.Title()))
	}
	if len(out) == 1 && strings.EqualFold(out[0], r.p.Screens[r.nav.at].Title) {
		return ""
	}
	return strings.Join(out, " "+r.p.Deps.Styles.Glyphs.Crumb+" ")
}

func (r *Root) tabAt(x int) int {
	at := 0
	for i, n := range r.tabNames() {
		if w := ui.Width(n); x >= at && x < at+w {
			return i
		} else {
			at += w
		}
	}
	return -1
}

func (r *Root) tabLine(st *themes.Styles) string {
	var left strings.Builder
	for i, n := range r.tabNames() {
		role := themes.Muted
		if i == r.nav.at {
			role = themes.Title
		}
		left.WriteString(st.Normal.Render(role, n))
	}
	path := r.crumbs()
	room := r.w - ui.Width(left.String()) - 2
	if room < 4 || path == "" {
		return ui.Fit(left.String(), r.w)
	}
	path = ui.TruncLeft(path, room)
	return ui.Between(left.String(), st.Normal.Render(themes.Faint, path+" "), r.w)
}

// footer shows the keys that matter here: the overlay's, the text field's, or the actions that fit.
func (r *Root) footer(st *themes.Styles) string {
	if o := r.overlay(); o != nil {
		return st.Normal.Render(themes.Muted, ui.Fit(" "+o.hint(), r.w))
	}
	if s := r.nav.top(); s != nil && s.Capturing() {
		return st.Normal.Render(themes.Muted, ui.Fit(" enter keep  esc cancel", r.w))
	}
	always := footerItem(st, r.p.Keys, "app.palette", ":", "palette") + footerItem(st, r.p.Keys, "app.help", "?", "help")
	if len(r.nav.here().path) > 1 {
		always = footerItem(st, r.p.Keys, "app.back", "esc", "back") + always
	}
	room := r.w - ui.Width(always)
	var b strings.Builder
	readOnly := r.p.Deps.ReadOnly()
	used := 0
	list := append(r.screenActions(), r.rootActions()...)
	for _, a := range list {
		if a.Hidden || !a.Key.Enabled() || a.ID == "app.palette" || a.ID == "app.help" {
			continue
		}
		k := a.Key.Help().Key
		n := ui.Width(k) + ui.Width(a.Title) + 3
		if used+n > room {
			break
		}
		used += n
		if a.Reason(readOnly) != "" {
			b.WriteString(st.Normal.Render(themes.Faint, " "+k+" "+a.Title+" "))
			continue
		}
		b.WriteString(" " + st.Normal.Render(themes.Key, k) + st.Normal.Render(themes.Muted, " "+a.Title+" "))
	}
	return b.String() + ui.Spaces(room-used) + always
}

func footerItem(st *themes.Styles, keys map[string][]string, id, key, title string) string {
	if k, ok := keys[id]; ok {
		if len(k) == 0 {
			return ""
		}
		key = ui.KeyName(k[0])
	}
	return " " + st.Normal.Render(themes.Key, key) + st.Normal.Render(themes.Muted, " "+title+" ")
}
