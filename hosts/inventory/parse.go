package inventory

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"midwatch/hosts"
)

// Parse reads the text of a hosts.toml called name (used in faults only). It never returns a nil
// Inventory; with faults the Inventory holds what could be understood and must not be used to reach
// anything.
func Parse(name string, data []byte) (*Inventory, Faults) {
	inv := &Inventory{File: name}
	doc, text, faults := decode(name, data)
	r := &reader{file: name, lines: indexLines(text), partial: len(faults) > 0, faults: faults}
	if doc == nil && len(faults) > 0 {
		return inv, faults.sorted()
	}
	root := r.table(layer{"", doc})
	p := &parser{reader: r, inv: inv, groups: map[string]group{}}

	p.defaults = p.settingsLayer(root, "defaults")
	for _, g := range root.named("groups") {
		p.group(g)
	}
	p.checkGroups()
	for _, h := range root.named("hosts") {
		p.host(h)
	}
	p.checkJumps()
	for _, n := range root.named("probes") {
		p.probe(n)
	}
	for _, n := range root.named("logs") {
		p.log(n)
	}
	for _, n := range root.named("agents") {
		p.agents(n)
	}
	for _, n := range root.named("edges") {
		p.edge(n)
	}
	p.console(root)
	root.done()
	if len(inv.Hosts) == 0 {
		r.missing("", "no hosts", "want at least one [hosts.NAME] with an address")
	}
	return inv, r.faults.sorted()
}

// parser is the state of one Parse.
type parser struct {
	*reader
	inv      *Inventory
	defaults []layer // none or one
	groups   map[string]group
	jumps    []jumpRef
}

// group is a group as written; its layer holds the settings only.
type group struct {
	layer
	name    string
	parents []item
}

func (p *parser) settingsLayer(root *table, key string) []layer {
	t, ok := root.sub(key, "a table of settings")
	if !ok {
		return nil
	}
	var h Host
	p.settings(t, &h)
	t.done()
	return t.layers
}

func (p *parser) group(n named) {
	t := p.table(n.layer)
	g := group{layer: n.layer, name: n.name, parents: t.strs("parents", "production")}
	var h Host
	p.settings(t, &h)
	t.done()
	p.groups[n.name] = g
	p.inv.Groups = append(p.inv.Groups, Group{Name: n.name, Parents: texts(g.parents), Line: p.line(n.at)})
}

// checkGroups reports parents that do not exist and groups that contain themselves.
func (p *parser) checkGroups() {
	for _, g := range p.inv.Groups {
		for _, parent := range p.groups[g.Name].parents {
			if _, ok := p.groups[parent.text]; !ok {
				p.dangling(parent, "group", p.groupNames())
			} else if p.reaches(parent.text, g.Name, map[string]bool{}) {
				p.fault(parent.at, fmt.Sprintf("group %q contains itself through %q", g.Name, parent.text), "remove one of the parents")
			}
		}
	}
}

// reaches reports whether group to is from or one of its parents.
func (p *parser) reaches(from, to string, seen map[string]bool) bool {
	if from == to {
		return true
	}
	if seen[from] {
		return false
	}
	seen[from] = true
	return slices.ContainsFunc(p.groups[from].parents, func(parent item) bool { return p.reaches(parent.text, to, seen) })
}

func (p *parser) groupNames() []string {
	var names []string
	for _, g := range p.inv.Groups {
		names = append(names, g.Name)
	}
	return names
}

func (p *parser) hostNames() []string {
	var names []string
	for _, h := range p.inv.Hosts {
		names = append(names, h.Name)
	}
	return names
}

// dangling reports a name that stands for nothing.
func (p *parser) dangling(it item, kind string, known []string) {
	meant := fmt.Sprintf("no %s is defined", kind)
	if len(known) > 0 {
		meant = "known are " + list(known)
	}
	if n := nearest(it.text, known); n != "" {
		meant = fmt.Sprintf("did you mean %q?", n)
	}
	p.missing(it.at, fmt.Sprintf("%s names the %s %q, which is not defined", it.at, kind, it.text), meant)
}

// ancestry lists a group and its parents, each once, nearest first.
func (p *parser) ancestry(name string, out []string) []string {
	g, ok := p.groups[name]
	if !ok || slices.Contains(out, name) {
		return out
	}
	out = append(out, name)
	for _, parent := range g.parents {
		out = p.ancestry(parent.text, out)
	}
	return out
}

func (p *parser) host(n named) {
	own := p.table(n.layer)
	var member []string
	for _, it := range own.strs("groups", "production") {
		if _, ok := p.groups[it.text]; !ok {
			p.dangling(it, "group", p.groupNames())
		}
		member = p.ancestry(it.text, member)
	}
	layers := []layer{n.layer}
	for _, g := range member {
		layers = append(layers, p.groups[g].layer)
	}
	t := p.table(append(layers, p.defaults...)...)
	t.asked["groups"] = true
	t.asked["parents"] = true
	h := Host{Line: p.line(n.at)}
	h.Name, h.Groups = n.name, member
	h.Address = own.str("address", "192.168.68.113")
	t.asked["address"] = true
	p.settings(t, &h)
	t.done()
	if !own.has("jump") && slices.ContainsFunc(h.SSH.Jump, func(j Jump) bool { return j.Dest == h.Name }) {
		// The bastion of a group is often in that group: it is where the way begins, so it is reached directly.
		h.SSH.Jump, h.SSH.NoJump = nil, true
	}
	if own.has("parents") {
		p.fault(n.at.at("parents"), "a host has no parents", "write groups = [...]")
	}
	p.reachable(&h, n.layer)
	p.inv.Hosts = append(p.inv.Hosts, h)
}

// reachable checks what the kind of a host needs.
func (p *parser) reachable(h *Host, own layer) {
	at := own.at
	switch h.Kind {
	case hosts.KindSSH:
		if _, said := own.m["address"]; !said {
			p.missing(at, fmt.Sprintf("host %q has no address", h.Name), `want address = "IP, name or ssh alias", or kind = "local"`)
		}
		if h.Address != "" {
			p.sshAddress(at.at("address"), h.Address)
		}
	case hosts.KindLocal:
		if h.Address != "" {
			p.fault(at.at("address"), fmt.Sprintf("host %q is local and has an address", h.Name), "leave the address out")
		}
	case hosts.KindDocker:
		if h.Docker.Address == "" && h.Docker.Context == "" {
			p.missing(at, fmt.Sprintf("host %q is of kind docker and names no engine", h.Name), `want docker = { address = "tcp://HOST:2376", ca = …, cert = …, key = … } or { context = "NAME" }`)
		}
	default:
	}
	if h.Sudo.Mode == SudoPassword && h.Sudo.Password.IsZero() {
		p.missing(at.at("sudo"), fmt.Sprintf("host %q uses sudo with a password and says not where the password comes from", h.Name), "want sudo_password = { prompt = true }, { env = …}, { file = … } or { cmd = [...] }")
	}
}

func (p *parser) console(root *table) {
	t, ok := root.sub("console", "a table of settings")
	c := Console{Lease: 15 * time.Minute}
	if ok {
		c.Theme = t.word("theme", "auto", "dark", "light")
		c.Keys = keys(t)
		c.Lease = t.duration("lease", time.Minute, 8*time.Hour, c.Lease)
		t.done()
	}
	p.inv.Console = c
}

// keys reads the keys of actions. Which actions there are, and which keys are taken, the console
// knows: it checks the rest.
func keys(t *table) map[string][]string {
	sub, ok := t.sub("keys", `a table such as { "containers.restart" = "R" }`)
	if !ok {
		return nil
	}
	out := map[string][]string{}
	for _, l := range sub.layers {
		for _, id := range slices.Sorted(maps.Keys(l.m)) {
			out[id] = append([]string{}, texts(sub.strs(id, "ctrl+r"))...)
		}
	}
	return out
}
