package compare

import (
	"slices"
	"strings"
	"time"

	"midwatch/hosts"
)

// Sheet is a subject with its copies side by side.
type Sheet struct {
	Subject
	Columns []Column
	Rows    []Row
	Missing []string // hosts of which it is not known whether they have it, with the reason
}

// Column is one copy.
type Column struct {
	Host, Copy string // Copy names it where a host has several, and is never empty
	Alone      bool   // the host has no other copy
	Read       time.Time
	Stale      bool
	Object     string // container ID or unit name, for opening it
}

// Row is one property of all copies.
type Row struct {
	Group, Name string
	Cells       []Cell
	Differs     bool // not the same everywhere
	Tie         bool // and no value has more votes than every other
	Common      string
	List        bool // values are lists of words, whose order does not count
	Info        bool // not put to the vote: it is another one everywhere by nature
}

// Cell is the value of one copy.
type Cell struct {
	Value   string
	Unknown string // why there is no value; it has no vote then
	Odd     bool   // it differs from the majority
}

// Of compares the copies of a subject.
func Of(s *hosts.Snapshot, subject Subject) *Sheet {
	var copies []copyOf
	var missing []string
	for _, h := range s.Hosts {
		collect(h, func(k Subject, c copyOf) {
			if k == subject {
				copies = append(copies, c)
			}
		})
		if why := unread(h, subject.Kind); why != "" {
			missing = append(missing, h.Host.Name+": "+why)
		}
	}
	out := build(subject, copies)
	out.Missing = missing
	return out
}

// unread is why it is not known whether a host has a subject of this kind.
func unread(h *hosts.HostFacts, kind string) string {
	why := func(known bool, st hosts.Standing, reason string) string {
		switch {
		case known:
			return ""
		case st == hosts.Unasked:
			return "not read yet"
		}
		return reason
	}
	switch kind {
	case Unit:
		return why(h.Units.Known(), h.Units.Standing(), h.Units.Reason)
	case Server:
		if h.Nginx.Standing() == hosts.Unasked {
			return "" // most hosts have no nginx, and that is not asked for
		}
		return why(h.Nginx.Known(), h.Nginx.Standing(), h.Nginx.Reason)
	}
	return why(h.Containers.Known(), h.Containers.Standing(), h.Containers.Reason)
}

func build(subject Subject, copies []copyOf) *Sheet {
	s := &Sheet{Subject: subject}
	perHost := map[string]int{}
	for _, c := range copies {
		perHost[c.host.Host.Name]++
	}
	w := &writer{copies: copies, template: subject.Kind == Unit && strings.Contains(subject.Name, "@.")}
	for _, c := range copies {
		col := Column{Host: c.host.Host.Name, Alone: perHost[c.host.Host.Name] == 1}
		switch {
		case c.container != nil:
			col.Copy, col.Object = c.container.Name, c.container.ID
			col.Read, col.Stale = c.host.Containers.At, c.host.Containers.Standing() == hosts.Stale
		case c.unit != nil:
			col.Copy, col.Object = c.unit.Name, c.unit.Name
			col.Read, col.Stale = c.host.Units.At, c.host.Units.Standing() == hosts.Stale
		default:
			col.Copy, col.Object = c.server.D.At(), c.server.D.At()
			col.Read, col.Stale = c.host.Nginx.At, c.host.Nginx.Standing() == hosts.Stale
		}
		s.Columns = append(s.Columns, col)
	}
	switch {
	case len(copies) == 0:
		return s
	case copies[0].container != nil:
		w.containers()
	case copies[0].unit != nil:
		w.units()
	default:
		w.servers()
	}
	w.machines()
	s.Rows = w.rows
	return s
}

// writer writes rows for copies of one kind.
type writer struct {
	copies   []copyOf
	template bool // copies are instances of it: their own name is written %i
	group    string
	rows     []Row
}

// value is what a copy has: the text that is shown, and what it votes for, "" for the text itself.
type value struct{ text, vote, unknown string }

func text(s string) value { return value{text: s} }

func known(p bool, reason string, s string) value {
	if p {
		return value{text: s}
	}
	if reason == "" {
		reason = "not read yet"
	}
	return value{unknown: reason}
}

// row puts a property to the vote. A row that is empty everywhere is left out.
func (w *writer) row(name string, of func(copyOf) value) *Row {
	r := Row{Group: w.group, Name: name}
	votes := map[string]int{}
	shown := map[string]string{}
	ballots := make([]string, len(w.copies))
	empty := true
	for i, c := range w.copies {
		v := of(c)
		r.Cells = append(r.Cells, Cell{Value: v.text, Unknown: v.unknown})
		if v.unknown != "" {
			empty = false
			continue
		}
		empty = empty && v.text == ""
		ballots[i] = v.vote
		if v.vote == "" {
			ballots[i] = v.text
		}
		votes[ballots[i]]++
		if _, ok := shown[ballots[i]]; !ok {
			shown[ballots[i]] = v.text
		}
	}
	if empty {
		return &Row{}
	}
	best, second := 0, 0
	winner := ""
	for b, n := range votes {
		switch {
		case n > best:
			best, second, winner = n, best, b
		case n > second:
			second = n
		}
	}
	r.Differs = len(votes) > 1
	r.Tie = r.Differs && best == second
	if !r.Tie {
		r.Common = shown[winner]
		for i := range r.Cells {
			r.Cells[i].Odd = r.Differs && r.Cells[i].Unknown == "" && ballots[i] != winner
		}
	}
	w.rows = append(w.rows, r)
	return &w.rows[len(w.rows)-1]
}

// info writes a property that is not compared.
func (w *writer) info(name string, of func(copyOf) value) {
	r := w.row(name, of)
	r.Info, r.Differs, r.Tie = true, false, false
	for i := range r.Cells {
		r.Cells[i].Odd = false
	}
}

// list puts a set of words to the vote.
func (w *writer) list(name string, of func(copyOf) ([]string, string)) {
	r := w.row(name, func(c copyOf) value {
		words, unknown := of(c)
		return value{text: strings.Join(sorted(words), " "), unknown: unknown}
	})
	r.List = true
}

func sorted(in []string) []string {
	out := slices.Clone(in)
	slices.Sort(out)
	return slices.Compact(out)
}

const hostGroup = "host"

// machines are the properties of the hosts themselves.
func (w *writer) machines() {
	w.group = hostGroup
	w.row("os", func(c copyOf) value {
		return known(c.host.System.Known(), c.host.System.Reason, c.host.System.Value.OS)
	})
	w.row("kernel", func(c copyOf) value {
		return known(c.host.System.Known(), c.host.System.Reason, c.host.System.Value.Kernel)
	})
	if w.copies[0].container != nil {
		w.row("docker", func(c copyOf) value {
			return known(c.host.Engine.Known(), c.host.Engine.Reason, c.host.Engine.Value.Version)
		})
		return
	}
	w.row("systemd", func(c copyOf) value {
		return known(c.host.System.Known(), c.host.System.Reason, c.host.System.Value.Systemd)
	})
}
