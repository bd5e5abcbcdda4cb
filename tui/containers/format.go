package containers

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"midwatch/hosts"
	"midwatch/tui/ui"
)

// shortID is how docker ps writes an ID.
const shortID = 12

func short(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	if len(id) > shortID {
		return id[:shortID]
	}
	return id
}

// imageName is an image in few cells: without its registry, with its tag, its digest cut short. A
// tag that is latest is left out, as it says nothing.
func imageName(image string) string {
	image = ui.Clean(image)
	if rest, ok := strings.CutPrefix(image, "sha256:"); ok {
		return "sha256:" + short(rest)
	}
	name, digest, pinned := strings.Cut(image, "@")
	// The first part is a registry when it looks like a host, as the engine decides it.
	if first, rest, ok := strings.Cut(name, "/"); ok && (strings.ContainsAny(first, ".:") || first == "localhost") {
		name = rest
	}
	name = strings.TrimPrefix(name, "library/")
	name = strings.TrimSuffix(name, ":latest")
	if pinned {
		return name + "@" + short(strings.TrimPrefix(digest, "sha256:"))
	}
	return name
}

// ports writes the published ports compactly: "8002→80, 5432, lo:9000→9000/udp". The two entries the
// engine makes for IPv4 and IPv6 are one, and a run of ports is a range.
func ports(list []hosts.Port, arrow string) string {
	type pub struct {
		ip         string
		host, cont uint16
		proto      string
		n          uint16 // ports in the range
	}
	var pubs []pub
	for _, p := range list {
		if p.HostPort == 0 {
			continue
		}
		ip := ui.Clean(p.HostIP)
		switch {
		case ip == "0.0.0.0" || ip == "::" || ip == "[::]" || ip == "":
			ip = ""
		case strings.HasPrefix(ip, "127.") || ip == "::1":
			ip = "lo"
		case strings.Contains(ip, ":"):
			ip = "[" + ip + "]"
		}
		pubs = append(pubs, pub{ip, p.HostPort, p.ContainerPort, p.Proto, 1})
	}
	slices.SortFunc(pubs, func(a, b pub) int {
		return cmp.Or(strings.Compare(a.proto, b.proto), strings.Compare(a.ip, b.ip), cmp.Compare(a.host, b.host), cmp.Compare(a.cont, b.cont))
	})
	pubs = slices.Compact(pubs)
	runs := pubs[:0]
	for _, p := range pubs {
		if k := len(runs) - 1; k >= 0 {
			r := &runs[k]
			if r.ip == p.ip && r.proto == p.proto && r.host+r.n == p.host && r.cont+r.n == p.cont {
				r.n++
				continue
			}
		}
		runs = append(runs, p)
	}
	slices.SortStableFunc(runs, func(a, b pub) int { return cmp.Compare(a.host, b.host) })
	out := make([]string, 0, len(runs))
	for _, r := range runs {
		text := span(r.host, r.n)
		if r.host != r.cont {
			text += arrow + span(r.cont, r.n)
		}
		if r.ip != "" {
			text = r.ip + ":" + text
		}
		if r.proto != "tcp" && r.proto != "" {
			text += "/" + ui.Clean(r.proto)
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

func span(port, n uint16) string {
	if n <= 1 {
		return strconv.Itoa(int(port))
	}
	return strconv.Itoa(int(port)) + "-" + strconv.Itoa(int(port+n-1))
}

// cpu writes a share of one core: "0.4%", "12%", "212%".
func cpu(p float64) string {
	if p >= 0 && p < 9.95 {
		return strconv.FormatFloat(p, 'f', 1, 64) + "%"
	}
	return ui.Percent(p)
}

// share is a of b in percent, 0 without b.
func share(a, b uint64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b) * 100
}

// sortItems orders the containers of a host: projects by name, those of none last, and by service
// and name within one.
func sortItems(items []item) {
	slices.SortStableFunc(items, func(a, b item) int {
		return cmp.Or(
			-boolCompare(a.c.Project != "", b.c.Project != ""),
			strings.Compare(a.c.Project, b.c.Project),
			naturalCompare(a.c.Name, b.c.Name),
		)
	})
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// naturalCompare orders names with numbers the way people do: worker-2 before worker-10.
func naturalCompare(a, b string) int {
	for a != "" && b != "" {
		da, db := digits(a), digits(b)
		if da > 0 && db > 0 {
			na, nb := strings.TrimLeft(a[:da], "0"), strings.TrimLeft(b[:db], "0")
			if c := cmp.Or(cmp.Compare(len(na), len(nb)), strings.Compare(na, nb)); c != 0 {
				return c
			}
			a, b = a[da:], b[db:]
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}
