package routes

import (
	"strconv"
	"strings"

	"midwatch/checks/routes"
	"midwatch/checks/trace"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// item is a node as a row.
type item struct {
	n      *routes.Node
	up     *item
	depth  int
	open   bool
	behind string // what takes the traffic: of a closed node, of all below it
}

// large is the number of nodes from which servers and listeners are closed at first.
const large = 400

// open says whether the children of a node are shown.
func (s *Screen) open(n *routes.Node) bool {
	if o, ok := s.folds[n.ID]; ok {
		return o
	}
	switch n.Kind {
	case "host", "nginx", "envoy", "traefik":
		return true
	case "server", "listener":
		return s.tree.total < large
	}
	return false
}

// rebuild makes the rows anew from the tree, the folds and what is narrowed.
func (s *Screen) rebuild() {
	s.rows++
	var rows []ui.Row[*item]
	all := s.table.FilterText() != ""
	var walk func(ns []*routes.Node, up *item)
	walk = func(ns []*routes.Node, up *item) {
		for _, n := range ns {
			if s.trouble && n.Status != trace.Broken && n.Status != trace.Unknown {
				continue
			}
			it := &item{n: n, up: up, open: all || s.open(n)}
			r := ui.Row[*item]{ID: n.ID, Version: s.rows, Value: it}
			if up != nil {
				it.depth, r.Parent = up.depth+1, up.n.ID
			}
			it.behind = behind(n, it.open)
			rows = append(rows, r)
			if it.open {
				walk(n.Children, it)
			}
		}
	}
	for _, n := range s.tree.nodes {
		if !s.from.Narrows(n.Host) {
			walk([]*routes.Node{n}, nil)
		}
	}
	s.table.Empty = s.empty()
	s.table.SetRows(rows)
	s.detail()
}

// behind is what a row says of its targets: its own, or the sum of all below when it is closed.
func behind(n *routes.Node, open bool) string {
	switch {
	case n.Behind != "":
		return ui.Clean(n.Behind)
	case unread(n):
		return ui.Clean(n.Detail)
	}
	if len(n.Children) == 0 || open {
		return ""
	}
	leaves := leavesOf(n, nil)
	if len(leaves) == 1 {
		return ui.Clean(leaves[0].Behind)
	}
	ok, broken, unknown := routes.Count(n.Children)
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{broken, "broken"}, {unknown, "unknown"}, {ok, "ok"}} {
		if p.n > 0 {
			parts = append(parts, strconv.Itoa(p.n)+" "+p.what)
		}
	}
	text := strings.Join(parts, ", ")
	for _, l := range leaves {
		if l.Status == trace.Broken {
			return text + ": " + ui.Clean(l.Behind)
		}
	}
	return text
}

// unread reports a proxy whose configuration could not be read: its Detail is the reason.
func unread(n *routes.Node) bool {
	switch n.Kind {
	case "nginx", "envoy", "traefik":
		return len(n.Children) == 0 && n.Status == trace.Unknown
	}
	return false
}

func leavesOf(n *routes.Node, out []*routes.Node) []*routes.Node {
	for _, c := range n.Children {
		if len(c.Children) == 0 && c.Behind != "" {
			out = append(out, c)
		}
		out = leavesOf(c, out)
	}
	return out
}

// each walks all nodes that the screen is about, in the order of the tree, with those above each.
func (s *Screen) each(f func(n *routes.Node, above []*routes.Node) (goOn bool)) {
	var walk func(ns, above []*routes.Node) bool
	walk = func(ns, above []*routes.Node) bool {
		for _, n := range ns {
			if !f(n, above) || !walk(n.Children, append(above[:len(above):len(above)], n)) {
				return false
			}
		}
		return true
	}
	for _, n := range s.tree.nodes {
		if !s.from.Narrows(n.Host) && !walk([]*routes.Node{n}, nil) {
			return
		}
	}
}

// find returns the first node that an object names.
func (s *Screen) find(object string) *routes.Node {
	var exact, leads *routes.Node
	s.each(func(n *routes.Node, _ []*routes.Node) bool {
		at := n.File + ":" + strconv.Itoa(n.Line)
		switch {
		case n.ID == object, n.File != "" && at == object, n.Path != "" && n.Path == object, n.Kind == "router" && n.Label == object, n.URL != "" && n.URL == object:
			exact = n
			return false
		case leads == nil && n.In == object, leads == nil && target(n).Object == object:
			leads = n
		}
		return true
	})
	if exact != nil {
		return exact
	}
	return leads
}

// reveal opens what is above a node and selects it.
func (s *Screen) reveal(n *routes.Node) {
	s.each(func(x *routes.Node, above []*routes.Node) bool {
		if x.ID != n.ID {
			return true
		}
		for _, a := range above {
			s.folds[a.ID] = true
		}
		return false
	})
	s.rebuild()
	s.table.Select(n.ID)
	s.detail()
}

// target is the container or unit that takes the traffic of a node; the zero Hop where there is none
// or it is not known.
func target(n *routes.Node) trace.Hop {
	for i := len(n.Way) - 1; i >= 0; i-- {
		if k := n.Way[i].Kind; k == "container" || k == "unit" {
			return n.Way[i]
		}
	}
	return trace.Hop{}
}

// mark is the sign of a status and its colour; a node that judges nothing has a faint dot.
func mark(st *themes.Styles, s trace.Status) (string, themes.Role) {
	switch s {
	case trace.OK:
		return st.Glyphs.OK, themes.OK
	case trace.Broken:
		return st.Glyphs.Bad, themes.Bad
	case trace.Unknown:
		return st.Glyphs.Unknown, themes.Unknown
	}
	return st.Glyphs.Separator, themes.Faint
}

func role(s trace.Status) themes.Role {
	switch s {
	case trace.Broken:
		return themes.Bad
	case trace.Unknown:
		return themes.Unknown
	}
	return themes.Text
}

// name is a node as the tree calls it.
func name(n *routes.Node) string {
	switch n.Kind {
	case "chain":
		if n.Label == n.Path {
			return "chain for any connection"
		}
		return ui.Clean(n.Label)
	case "host", "nginx", "envoy", "traefik":
		return ui.Clean(n.Label)
	case "vhost":
		return "virtual host " + ui.Clean(n.Label)
	}
	return n.Kind + " " + ui.Clean(n.Label)
}

// place is where a node stands: file and line, or the JSON path.
func place(n *routes.Node) string {
	switch {
	case n.File != "" && n.Line > 0:
		return ui.Clean(n.File) + ":" + strconv.Itoa(n.Line)
	case n.File != "":
		return ui.Clean(n.File)
	}
	return ui.Clean(n.Path)
}
