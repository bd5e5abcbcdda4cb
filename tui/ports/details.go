package ports

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"midwatch/checks/ports"
	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

func itoa(n int) string { return strconv.Itoa(n) }

// details explains a port in words, and then shows what that is based on.
func details(it *item, snap *hosts.Snapshot, now time.Time, p *ui.Page) {
	if it.r == nil {
		p.Field(it.what, it.state+": "+it.why, it.role)
		p.Line(themes.Muted, "Nothing of this host is called missing or free while that is not known.")
		return
	}
	if it.stale {
		p.Field("stale", whyStale(it.h, now), themes.Warn)
	}
	p.Field("state", it.glyph+" "+it.state, it.role)
	for _, f := range it.faults() {
		role := themes.Muted
		switch f.Severity {
		case ports.Critical:
			role = themes.Bad
		case ports.Warning:
			role = themes.Warn
		}
		p.Field("problem", f.Text, role)
		p.Field("next step", advice(f.Kind), themes.Accent)
	}
	for _, w := range words(it) {
		p.Line(themes.Text, w)
	}
	publishedPart(it, p)
	listeningPart(it, p)
	targetPart(it, p)
	wantedPart(it, p)
	probePart(it, snap, now, p)
	evidence(it, now, p)
}

// advice is the next step for a kind of fault.
func advice(kind string) string {
	switch kind {
	case "nothing-listening":
		return "start what should listen here, or correct the proxy; o shows the line, t follows a request"
	case "wrong-address":
		return "bind it to the address the proxy uses, or have the proxy use the one it is bound to"
	case "collision":
		return "stop who has the port, or give one of them another; then start the container again"
	case "will-collide":
		return "remove the stopped container, or give it another port, before somebody starts it"
	case "exposed":
		return "publish it on 127.0.0.1 or an inner address; a firewall on the host does not stop Docker's rules"
	}
	return ""
}

// words says in sentences what is known of the binding.
func words(it *item) []string {
	var out []string
	r := it.r
	who := it.owner()
	switch {
	case it.socket() && it.addr == "":
		out = append(out, "Nobody is known to listen on this socket.")
	case it.socket():
		out = append(out, who+" listens on this socket; only processes on this host reach it.")
	case it.addr == "" && len(r.Wanted) > 0 && len(r.Targets) == 0:
		out = append(out, "Nobody has port "+it.port()+" now; a container that does not run will ask for it.")
	case it.addr == "":
		out = append(out, "Nobody is known to have port "+it.port()+" now.")
	case len(it.published) > 0:
		out = append(out, who+" publishes port "+it.port()+" "+toWhom(it)+".")
	default:
		out = append(out, who+" listens on port "+it.port()+" "+toWhom(it)+".")
	}
	switch n := len(r.Targets); {
	case n == 1:
		out = append(out, r.Targets[0].From+" on "+r.Targets[0].Host+" sends traffic here.")
	case n > 1:
		out = append(out, itoa(n)+" places in the configuration of proxies send traffic here.")
	case it.addr != "" && it.exposure == ports.Loopback && !it.socket():
		out = append(out, "No proxy whose configuration is known uses it.")
	}
	if !it.h.Sockets.Known() && it.h.Host.Kind != hosts.KindDocker {
		out = append(out, "What listens on this host is not known: "+ui.WhyUnknown(it.h, it.h.Sockets)+".")
	}
	return out
}

func toWhom(it *item) string {
	switch it.exposure {
	case ports.Everyone:
		if len(it.published) > 0 {
			return "on every address of the host, and Docker's rules pass by the host's firewall"
		}
		return "on every address of the host, as far as its firewall lets others in"
	case ports.Loopback:
		return "on " + it.addr + ", which only this host reaches"
	}
	return "on " + it.addr + " only"
}

func publishedPart(it *item, p *ui.Page) {
	if len(it.published) == 0 {
		return
	}
	p.Head("Published", "", false)
	rows := [][]ui.Cell{{{Text: "container"}, {Text: "state"}, {Text: "inside"}, {Text: "how"}}}
	for _, x := range it.published {
		how := "docker"
		if x.Swarm {
			how = "routing mesh of a service"
		}
		rows = append(rows, []ui.Cell{{Text: x.Container}, {Text: x.State}, {Text: itoa(int(x.ContainerPort))}, {Text: how, Role: themes.Muted}})
	}
	p.Grid(rows)
}

func listeningPart(it *item, p *ui.Page) {
	if len(it.listening) == 0 {
		return
	}
	p.Head("Listening", "", false)
	rows := [][]ui.Cell{{{Text: "address"}, {Text: "process"}, {Text: "pid"}, {Text: "of"}}}
	for _, l := range it.listening {
		process, pid, of := l.Process, itoa(l.PID), l.Unit
		if process == "" {
			process = "? needs root"
		}
		if l.PID == 0 {
			pid = "?"
		}
		switch {
		case l.Proxy:
			of = "stands for the published port"
		case l.Container != "":
			of = "container " + l.Container
		}
		addr := it.at(l.Addr)
		if l.V6Only {
			addr += " (IPv6 only)"
		}
		rows = append(rows, []ui.Cell{{Text: addr}, {Text: process}, {Text: pid, Role: themes.Muted}, {Text: of, Role: themes.Muted}})
	}
	p.Grid(rows)
}

func targetPart(it *item, p *ui.Page) {
	if len(it.r.Targets) == 0 {
		return
	}
	p.Head("Traffic is sent here by", "", false)
	for i, t := range it.r.Targets {
		const most = 12
		if i == most {
			p.Line(themes.Muted, itoa(len(it.r.Targets)-most)+" more")
			break
		}
		p.Line(themes.Text, t.From+" on "+t.Host+", to "+it.at(t.Addr))
		where := t.Path
		if t.File != "" {
			where = t.File + ":" + itoa(t.Line)
		}
		p.Line(themes.Faint, "  "+where)
	}
}

func wantedPart(it *item, p *ui.Page) {
	if len(it.r.Wanted) == 0 {
		return
	}
	p.Head("Wanted by containers that do not run", "", false)
	for _, w := range it.r.Wanted {
		p.Line(themes.Text, w.Container+" ("+w.State+"), on "+joined(anyAddr(w.Addr), it.r.Port)+" for its "+itoa(int(w.ContainerPort)))
		if w.Error != "" {
			p.Line(themes.Bad, "  "+w.Error)
		}
	}
}

// at is an address with the port, or the path of a unix socket.
func (it *item) at(addr string) string {
	if it.socket() {
		return ui.Clean(addr)
	}
	return joined(addr, it.r.Port)
}

func anyAddr(a string) string {
	if a == "" {
		return "0.0.0.0"
	}
	return a
}

// probePart names the probes that ask this port.
func probePart(it *item, snap *hosts.Snapshot, now time.Time, p *ui.Page) {
	first := true
	for _, h := range snap.Hosts {
		for _, x := range h.Probes.Value {
			if len(x.Results) == 0 || !ports.Probes(snap, h, x, it.h.Host.Name, it.r.Port) || it.r.Proto != "tcp" {
				continue
			}
			if first {
				p.Head("Probes", "", false)
				first = false
			}
			last := x.Results[len(x.Results)-1]
			text, role := "ok", themes.Text
			if !last.OK {
				text, role = last.Reason, themes.Bad
			}
			p.Line(role, x.Name+", "+ui.AgeOf(last.At, now)+" ago: "+text)
		}
	}
}

// evidence names where the facts are from.
func evidence(it *item, now time.Time, p *ui.Page) {
	p.Head("Evidence", "", false)
	h := it.h
	line := func(what string, note string, stale bool) {
		role := themes.Muted
		if stale {
			role = themes.Warn
		}
		p.Field(what, note, role)
	}
	note, stale := ui.AgeNote(h.Containers, now)
	if h.Containers.Known() || h.Engine.Known() {
		line("published", note, stale)
	}
	if h.Host.Kind != hosts.KindDocker {
		note, stale = ui.AgeNote(h.Sockets, now)
		if why := ui.WhyUnknown(h, h.Sockets); why != "" {
			note += ": " + why
		}
		line("listening", note, stale)
	}
	var from []string
	for _, t := range it.r.Targets {
		if t.Host != "" && !slices.Contains(from, t.Host) {
			from = append(from, t.Host)
		}
	}
	if len(from) > 0 {
		line("proxies", "configuration of "+strings.Join(from, ", "), false)
	}
}
