package hostrules

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"midwatch/checks"
	"midwatch/hosts"
)

func wrongInstancePort() checks.Check {
	return checks.Check{
		ID:       "systemd-wrong-instance-port",
		Title:    "a unit listens on another port than its configuration says",
		Area:     checks.AreaSystemd,
		Severity: checks.Error,
		Why: "Its environment names a PORT, and its processes listen elsewhere: an argument or the program's default won, or the file was changed after the start. " +
			"The proxy sends to the one that is written down. Two instances with the same PORT cannot both run.",
		Fix:       "One PORT for each instance, in its own environment file, and in the proxy; then restart the unit.",
		Verify:    "ss -lntp 'sport = :PORT' names a process of the unit",
		Sources:   []string{"https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#EnvironmentFile="},
		Diagnoses: []string{"worker-count", "port-collision", "reachability"},
		Needs:     []checks.Need{checks.NeedUnits, checks.NeedSockets},
		Also:      []checks.Need{checks.NeedNginx},
		Eval:      checks.OnHost(evalInstancePort),
	}
}

// settled is how long a unit may take until it listens.
const settled = 30 * time.Second

func evalInstancePort(h *checks.Host) []checks.Finding {
	var out []checks.Finding
	some := false
	for i := range h.Units.Value {
		u := &h.Units.Value[i]
		port, from := u.EnvPort()
		if port == 0 || !strings.HasSuffix(u.Name, ".service") || u.Active == "inactive" && u.Enabled != "enabled" {
			continue
		}
		if h.Sockets.Needs != "" {
			return []checks.Finding{checks.Unsure("units", "which unit listens where: "+h.Sockets.Needs)}
		}
		some = true
		if f, ok := otherPort(h, u, port, from); ok {
			out = append(out, f)
		} else if f, ok := samePort(h, u, port, from); ok {
			out = append(out, f)
		}
	}
	if !some {
		return checks.NotHere("no unit's environment names a PORT")
	}
	return out
}

// otherPort finds a unit that listens, and not where it should.
func otherPort(h *checks.Host, u *hosts.Unit, port int, from string) (checks.Finding, bool) {
	there, unix := listensOn(h, u.Name)
	if u.Active != "active" || len(there) == 0 || unix || has(there, port) || h.World.Now.Sub(u.Since) < settled || sharedPort(h, u, port, from) {
		return checks.Finding{}, false
	}
	said := make([]string, len(there))
	for i, p := range there {
		said[i] = strconv.Itoa(p)
	}
	f := h.Find("unit "+u.Name, checks.NeedUnits, fmt.Sprintf("PORT=%d (%s)", port, from))
	f.Title = fmt.Sprintf("%s has PORT=%d and listens on %s", u.Name, port, strings.Join(said, ", "))
	f.Evidence = append(f.Evidence, h.Find("", checks.NeedSockets, u.Name+" listens on "+strings.Join(said, ", ")).Evidence...)
	f.Evidence = append(f.Evidence, proxied(h, port)...)
	return f, true
}

// samePort finds an instance that cannot have its port because a sister has it.
func samePort(h *checks.Host, u *hosts.Unit, port int, from string) (checks.Finding, bool) {
	template, _ := u.Instance()
	there, unix := listensOn(h, u.Name)
	if template == "" || unix || len(there) > 0 || u.Draining() || u.Active == "active" && h.World.Now.Sub(u.Since) < settled {
		return checks.Finding{}, false
	}
	for i := range h.Units.Value {
		o := &h.Units.Value[i]
		if t, _ := o.Instance(); t != template || o.Name == u.Name {
			continue
		}
		p, where := o.EnvPort()
		if theirs, _ := listensOn(h, o.Name); p != port || !has(theirs, port) {
			continue
		}
		f := h.Find("unit "+u.Name, checks.NeedUnits, fmt.Sprintf("%s: %s (%s), PORT=%d (%s)", u.Name, u.Active, u.Sub, port, from))
		f.Title = fmt.Sprintf("%s and %s both have PORT=%d, and %s has it", u.Name, o.Name, port, o.Name)
		f.Evidence = append(f.Evidence, h.Find("", checks.NeedUnits, fmt.Sprintf("%s: PORT=%d (%s)", o.Name, port, where)).Evidence...)
		return f, true
	}
	return checks.Finding{}, false
}

// listensOn are the TCP ports of a unit's processes, and whether they take connections on a unix socket: then
// the port is not what it is reached by.
func listensOn(h *checks.Host, unit string) (ports []int, unix bool) {
	for _, s := range h.Sockets.Value {
		switch {
		case s.Unit != unit || s.Container != "":
		case s.Proto == "tcp" && !has(ports, int(s.Port)):
			ports = append(ports, int(s.Port))
		case s.Proto == "unix":
			unix = true
		}
	}
	return ports, unix
}

// sharedPort reports that several units read the same file and another of them has the port: it was never
// meant for this one.
func sharedPort(h *checks.Host, u *hosts.Unit, port int, from string) bool {
	for i := range h.Units.Value {
		o := &h.Units.Value[i]
		if _, where := o.EnvPort(); where != from || o.Name == u.Name || from == "Environment=" {
			continue
		}
		if there, _ := listensOn(h, o.Name); has(there, port) {
			return true
		}
	}
	return false
}

// proxied are the lines of nginx that send to a port of this host.
func proxied(h *checks.Host, port int) []checks.Evidence {
	var out []checks.Evidence
	for _, n := range h.World.Nginx {
		if n.Host != h || n.Container != "" || n.HTTP == nil {
			continue
		}
		for _, u := range n.HTTP.Upstreams {
			for _, m := range u.Members {
				name, p, err := net.SplitHostPort(m.Address)
				if ip := net.ParseIP(name); err == nil && p == strconv.Itoa(port) && (name == "localhost" || ip != nil && ip.IsLoopback()) && len(out) < 3 {
					out = append(out, n.Line(m.D))
				}
			}
		}
	}
	return out
}

func has[T comparable](list []T, x T) bool {
	for _, y := range list {
		if x == y {
			return true
		}
	}
	return false
}
