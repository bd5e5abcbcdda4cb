package compose

import (
	"fmt"
	"strconv"
	"strings"
)

// Port is one published port; a range is one Port for each of its ports.
type Port struct {
	Pos       Pos
	HostIP    string // "" means every address
	Published int    // 0: any free port
	// PublishedTo is the end of a range of which docker takes one free port; 0 without one.
	PublishedTo int
	Target      int
	Proto       string // tcp, udp, sctp
	Mode        string // ingress or host, of the long form
	Text        string // as written
}

func (p Port) String() string {
	s := strconv.Itoa(p.Target) + "/" + p.Proto
	if p.Published != 0 {
		s = strconv.Itoa(p.Published) + ":" + s
	}
	if p.HostIP != "" {
		s = p.HostIP + ":" + s
	}
	return s
}

// maxRange is the widest range of ports that is read one by one.
const maxRange = 5000

// portsOf reads one entry of ports; none when it cannot be read.
func portsOf(v *Value) []Port {
	if v.Kind == Map {
		p := Port{Pos: v.Pos, HostIP: v.Get("host_ip").Str(), Target: v.Get("target").Int(0), Proto: orElse(v.Get("protocol").Str(), "tcp"), Mode: v.Get("mode").Str()}
		if pub := v.Get("published"); pub != nil {
			from, to, ok := portRange(pub.Str())
			if !ok && pub.Str() != "" {
				return nil
			}
			p.Pos, p.Published = pub.Pos, from
			if to > from {
				p.PublishedTo = to
			}
		}
		p.Text = p.String()
		return []Port{p}
	}
	if v.Kind != Scalar {
		return nil
	}
	return shortPorts(v)
}

// shortPorts reads "[IP:][HOST:]CONTAINER[/PROTO]", each with a range.
func shortPorts(v *Value) []Port {
	text, proto, ok := strings.Cut(v.Text, "/")
	if !ok {
		proto = "tcp"
	}
	ip, hostPart, target := "", "", text
	if i := strings.LastIndexByte(text, ':'); i >= 0 {
		hostPart, target = text[:i], text[i+1:]
		if j := strings.LastIndexByte(hostPart, ':'); j >= 0 {
			ip, hostPart = strings.Trim(hostPart[:j], "[]"), hostPart[j+1:]
		}
	}
	from, to, ok := portRange(target)
	if !ok || to-from > maxRange {
		return nil
	}
	hostFrom, hostTo := 0, 0
	if hostPart != "" {
		if hostFrom, hostTo, ok = portRange(hostPart); !ok {
			return nil
		}
	}
	one := func(published, target int) Port {
		return Port{Pos: v.Pos, HostIP: ip, Published: published, Target: target, Proto: strings.ToLower(proto), Text: v.Raw}
	}
	switch {
	case hostFrom == 0:
		var out []Port
		for t := from; t <= to; t++ {
			out = append(out, one(0, t))
		}
		return out
	case hostTo-hostFrom == to-from:
		var out []Port
		for t := from; t <= to; t++ {
			out = append(out, one(hostFrom+t-from, t))
		}
		return out
	case from == to:
		p := one(hostFrom, from)
		p.PublishedTo = hostTo
		return []Port{p}
	}
	return nil
}

func portRange(s string) (from, to int, ok bool) {
	a, b, isRange := strings.Cut(s, "-")
	from, err := strconv.Atoi(a)
	if err != nil || from < 0 || from > 65535 {
		return 0, 0, false
	}
	if !isRange {
		return from, from, true
	}
	to, err = strconv.Atoi(b)
	if err != nil || to < from || to > 65535 {
		return 0, 0, false
	}
	return from, to, true
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// Mount is one entry of a service's volumes.
type Mount struct {
	Pos      Pos
	Type     string // volume, bind, tmpfs, npipe, cluster
	Source   string // "" for an anonymous volume
	Target   string
	ReadOnly bool
	Text     string
}

func (m Mount) String() string { return fmt.Sprintf("%s:%s", m.Source, m.Target) }

// mountOf reads one entry of volumes.
func mountOf(v *Value) Mount {
	if v.Kind == Map {
		m := Mount{Pos: v.Pos, Type: v.Get("type").Str(), Source: v.Get("source").Str(), Target: v.Get("target").Str(), ReadOnly: v.Get("read_only").Bool()}
		m.Text = m.String()
		return m
	}
	m := Mount{Pos: v.Pos, Text: v.Raw, Type: "volume"}
	parts := strings.Split(v.Str(), ":")
	// A path of Windows begins with a letter and a colon.
	if len(parts) > 1 && len(parts[0]) == 1 && strings.HasPrefix(parts[1], `\`) {
		parts = append([]string{parts[0] + ":" + parts[1]}, parts[2:]...)
	}
	switch len(parts) {
	case 1:
		m.Target = parts[0]
	default:
		m.Source, m.Target = parts[0], parts[1]
		for _, o := range parts[2:] {
			for _, x := range strings.Split(o, ",") {
				m.ReadOnly = m.ReadOnly || x == "ro"
			}
		}
	}
	if strings.HasPrefix(m.Source, "/") || strings.HasPrefix(m.Source, ".") || strings.HasPrefix(m.Source, "~") || strings.Contains(m.Source, `\`) || strings.HasPrefix(m.Source, "$") {
		m.Type = "bind"
	}
	return m
}
