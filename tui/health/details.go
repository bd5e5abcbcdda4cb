package health

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"midwatch/checks/health"
	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

func details(it *item, p *ui.Page) {
	if it.v == nil {
		p.Field("healthchecks", it.why, themes.Warn)
		p.Line(themes.Muted, "Whether anything there is well is not known.")
		return
	}
	v := it.v
	p.Field("state", it.sign+" "+it.text, it.role)
	role := themes.Text
	switch it.bad {
	case broken:
		role = themes.Bad
	case odd, uncertain:
		role = themes.Warn
	}
	p.Field("why", it.note, role)
	if v.Tolerated != "" {
		p.Line(themes.Bad, "BAD CERTIFICATE TOLERATED: "+v.Tolerated)
		p.Line(themes.Muted, "Nobody checks who answers there, because the inventory says tolerate_bad_cert.")
	}
	capacityPart(v.Capacity, p)
	endpointTable(it, p)
	plots(it, p)
	flips(it, p)
	certPart(it, p)
	bodyPart(it, p)
}

// capacityPart puts what is claimed beside what is there.
func capacityPart(c *health.Capacity, p *ui.Page) {
	if c == nil {
		return
	}
	p.Head("Capacity", c.Host, false)
	line := func(name, text string, wrong bool) {
		role := themes.Text
		if wrong {
			role = themes.Bad
		}
		p.Field(name, text, role)
	}
	busy := ""
	if c.Busy >= 0 {
		busy = ", " + strconv.Itoa(c.Busy) + " in use"
	}
	line("claimed", strconv.Itoa(c.Claimed)+busy, false)
	switch {
	case c.Host == "":
		p.Field("workers", "which host answers is not known, so they cannot be counted", themes.Unknown)
	case c.Template == "":
		p.Field("workers", "no unit template whose instances do the work was found", themes.Unknown)
	default:
		text := strconv.Itoa(c.Run) + " run of " + strconv.Itoa(c.Exist) + " instances of " + c.Template
		if c.Drain > 0 {
			text += ", " + strconv.Itoa(c.Drain) + " drains"
		}
		line("workers", text, c.Exist != c.Claimed || c.Run+c.Drain < c.Exist)
	}
	if c.Upstream != "" {
		line("nginx", "upstream "+c.Upstream+" has "+strconv.Itoa(c.Members)+" places", c.Members != c.Claimed)
	}
}

func endpointTable(it *item, p *ui.Page) {
	st := p.Styles()
	p.Head("Endpoints", "", false)
	rows := [][]ui.Cell{{{Text: "kind"}, {Text: "state"}, {Text: "code"}, {Text: "took"}, {Text: "asked"}, {Text: "what is asked"}}}
	for i := range it.v.Endpoints {
		e := &it.v.Endpoints[i]
		c := endpointCell(st, e)
		c.Text = e.State.String()
		if !e.Asked && e.Origin == "inventory" {
			c.Text = "not asked"
		}
		code, took, at := "-", "-", "-"
		if e.Last.Status > 0 {
			code = strconv.Itoa(e.Last.Status)
		}
		if e.Asked {
			took, at = ui.Millis(e.Last.Took), ui.AgeOf(e.Last.At, it.now)+" ago"
		}
		from := ""
		if e.From != "" && it.v.Group == health.Probed {
			from = " from " + e.From
		}
		rows = append(rows, []ui.Cell{{Text: string(e.Kind)}, c, {Text: code}, {Text: took}, {Text: at, Role: themes.Muted}, {Text: e.Target + from, Role: themes.Muted}})
	}
	p.Grid(rows)
	for i := range it.v.Endpoints {
		e := &it.v.Endpoints[i]
		if e.Why == "" || e.Why == it.v.Why && len(it.v.Endpoints) == 1 {
			continue // said above
		}
		role := themes.Muted
		switch e.State {
		case health.Failing:
			role = themes.Bad
		case health.Degraded, health.Unknown:
			role = themes.Warn
		}
		p.Line(role, e.Name+": "+e.Why)
	}
}

const (
	plotsMost  = 4
	plotHeight = 8
)

// plots draws the latency of the endpoints, the leading one first.
func plots(it *item, p *ui.Page) {
	var list []*health.Endpoint
	for i := range it.v.Endpoints {
		e := &it.v.Endpoints[i]
		if slices.ContainsFunc(e.History, func(r hosts.ProbeResult) bool { return r.OK }) { // else there is only when it failed
			list = append(list, e)
		}
	}
	lead := it.spoken()
	slices.SortStableFunc(list, func(a, b *health.Endpoint) int {
		switch lead {
		case a:
			return -1
		case b:
			return 1
		}
		return 0
	})
	for n, e := range list {
		if n == plotsMost {
			return
		}
		points := make([]ui.PlotPoint, len(e.History))
		for i, r := range e.History {
			points[i] = ui.PlotPoint{At: r.At.In(it.now.Location()), Value: float64(r.Took), Bad: !r.OK}
		}
		lines := ui.Plot(p.Styles(), points, p.Width(), plotHeight, func(v float64) string {
			if v == 0 {
				return "0"
			}
			return ui.Millis(time.Duration(v))
		})
		if lines == nil {
			return
		}
		p.Head("Latency of "+e.Name, summary(e.History), false)
		p.Raw(lines...)
	}
}

// summary is a history in a few words.
func summary(rs []hosts.ProbeResult) string {
	var took []time.Duration
	bad := 0
	for _, r := range rs {
		if r.OK {
			took = append(took, r.Took)
		} else {
			bad++
		}
	}
	text := ""
	if n := len(took); n > 0 {
		slices.Sort(took)
		text = "median " + ui.Millis(took[n/2]) + ", worst " + ui.Millis(took[n-1]) + ", "
	}
	return text + strconv.Itoa(bad) + " of " + strconv.Itoa(len(rs)) + " failed"
}

// flip is a moment at which an endpoint began or ceased to fail.
type flip struct {
	at   time.Time
	name string
	ok   bool
	why  string
}

// flips lists when endpoints began and ceased to fail, newest first.
func flips(it *item, p *ui.Page) {
	var list []flip
	for i := range it.v.Endpoints {
		e := &it.v.Endpoints[i]
		for j := 1; j < len(e.History); j++ {
			if was, is := e.History[j-1], e.History[j]; was.OK != is.OK {
				list = append(list, flip{is.At, e.Name, is.OK, is.Reason})
			}
		}
	}
	if len(list) == 0 {
		return
	}
	slices.SortStableFunc(list, func(a, b flip) int { return b.at.Compare(a.at) })
	p.Head("Changes", "", false)
	const most = 8
	for _, f := range list[:min(most, len(list))] {
		text, role := "ok again", themes.Text
		if !f.ok {
			text, role = "fails: "+f.why, themes.Bad
		}
		p.Line(role, f.at.In(it.now.Location()).Format("15:04:05")+" "+f.name+" "+text)
	}
}

// certPart shows each certificate once.
func certPart(it *item, p *ui.Page) {
	seen := map[string]bool{}
	for i := range it.v.Endpoints {
		e := &it.v.Endpoints[i]
		c := e.Last.Cert
		if c == nil {
			continue
		}
		key := c.Subject + c.Until.String() + strings.Join(c.Names, ",")
		if seen[key] {
			continue
		}
		seen[key] = true
		p.Head("Certificate of "+e.Name, "", false)
		p.Field("names", strings.Join(c.Names, ", "), themes.Text)
		p.Field("subject", c.Subject, themes.Text)
		p.Field("issuer", c.Issuer, themes.Text)
		left := c.Until.Sub(it.at)
		text, role := strconv.Itoa(int(left.Hours()/24))+" days left", themes.Text
		switch {
		case left <= 0:
			text, role = "ended "+ui.Age(-left)+" ago", themes.Bad
		case left < health.CertSoon:
			role = themes.Warn
		}
		p.Field("ends", c.Until.In(it.now.Location()).Format("2006-01-02 15:04 MST")+", "+text, role)
		switch {
		case c.Verified:
			p.Field("verified", "yes", themes.Text)
		case e.Tolerant:
			p.Field("verified", "NO, and tolerated: "+c.Fault, themes.Bad)
		default:
			p.Field("verified", "no: "+c.Fault, themes.Bad)
		}
	}
}

// bodyPart shows what was answered: of a healthcheck its output, of a probe the beginning of the body.
func bodyPart(it *item, p *ui.Page) {
	for i := range it.v.Endpoints {
		e := &it.v.Endpoints[i]
		body := strings.TrimSpace(e.Last.Body)
		if body == "" {
			continue
		}
		title := "Answer of " + e.Name
		if e.Kind == health.Healthcheck {
			title = "Output of the last check"
		}
		p.Head(title, ui.AgeOf(e.Last.At, it.now)+" ago", false)
		const most = 12
		lines := strings.Split(body, "\n")
		for _, l := range lines[:min(most, len(lines))] {
			p.Line(themes.Muted, l)
		}
	}
}
