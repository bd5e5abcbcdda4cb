package timeline

import (
	"strconv"
	"time"

	"midwatch/checks/past"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// shownNear bounds what is listed of the same minute.
const shownNear = 12

// detailLines writes all that is known of one event in lines of w cells.
func detailLines(st *themes.Styles, e past.Entry, n near, now time.Time, w int) []string {
	const names = 9
	d := ui.NewSheet(st, w, names)
	g, role := sign(st, e.Tone)
	d.Sign(g, role, what(e))
	d.Pair("when", themes.Text, e.At.In(now.Location()).Format("2006-01-02 15:04:05.000")+", "+ui.AgeOf(e.At, now)+" ago")
	d.Pair("host", themes.Text, hostOf(e))
	d.Pair(kindOf(e), themes.Text, e.Object)
	d.Pair("id", themes.Muted, e.ID)
	d.Pair("source", themes.Muted, source(e))
	if len(n.here)+n.elsewhere > 0 {
		note := ""
		if n.elsewhere > 0 {
			note = ui.Count(n.elsewhere, "event") + " on other hosts"
		}
		d.Head("Within a minute of it", note, false)
		for i, o := range n.here {
			if i == shownNear {
				d.Text(themes.Muted, "and "+strconv.Itoa(len(n.here)-i)+" more on this host")
				break
			}
			g, role := sign(st, o.Tone)
			lead := st.Normal.Render(themes.Muted, o.At.In(now.Location()).Format("15:04:05 ")) + st.Normal.Render(role, g) + " "
			d.Line(lead + ui.Trunc(clean(o.Object+" "+what(o)), max(0, w-11)))
		}
	}
	return d.Lines()
}

// source says how we know.
func source(e past.Entry) string {
	switch {
	case e.Kind == "probe":
		return "what the probe was answered"
	case e.Stamp:
		return "the " + kindOf(e) + "'s own record, read later: nobody saw it happen"
	case e.Kind == "action":
		return "audit log"
	case e.Kind == "watch":
		return "the last known state of this inventory"
	case e.Kind == "container" || e.Kind == "network":
		return "event of the Docker engine, or the difference of two lists"
	case e.Kind == "link":
		return "our connection to the host"
	default:
		return "the difference of two reads"
	}
}
