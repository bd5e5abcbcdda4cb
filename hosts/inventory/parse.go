package inventory

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/config"
)

// Parse reads the text of a hosts.toml called name (used in faults only). It never returns a nil
// Inventory; with faults the Inventory holds what could be understood and must not be used to reach
// anything.
func Parse(name string, data []byte) (*Inventory, Faults) {
	inv := &Inventory{File: name}
	r, root := config.Read(name, data, secretAdvice)
	if root == nil {
		return inv, r.Faults.Sorted()
	}
	r.Taken = taken
	p := &parser{Reader: r, inv: inv, groups: map[string]group{}}

	p.defaults = p.settingsLayer(root, "defaults")
	for _, g := range root.Named("groups") {
		p.group(g)
	}
	p.checkGroups()
	for _, h := range root.Named("hosts") {
		p.host(h)
	}
	p.checkJumps()
	for _, n := range root.Named("probes") {
		p.probe(n)
	}
	for _, n := range root.Named("logs") {
		if n.Name == fieldsOfAll {
			inv.LogFields = p.logFields(p.Table(n.Layer))
			continue
		}
		p.log(n)
	}
	for _, n := range root.Named("agents") {
		p.agents(n)
	}
	for _, n := range root.Named("edges") {
		p.edge(n)
	}
	p.console(root)
	p.runs(root)
	root.Done()
	if len(inv.Hosts) == 0 {
		r.Missing("", "no hosts", "want at least one [hosts.NAME] with an address")
	}
	return inv, r.Faults.Sorted()
}

// taken are names that hosts, groups and all else here cannot have.
var taken = map[string]string{Here: "it means this machine as the place a probe is made from"}

// badName says why a name cannot be used, "" when it can.
func badName(name string) string {
	if why := taken[name]; why != "" {
		return "is taken: " + why
	}
	return config.BadName(name)
}

// parser is the state of one Parse.
type parser struct {
	*config.Reader
	inv      *Inventory
	defaults []config.Layer // none or one
	groups   map[string]group
	jumps    []jumpRef
}

// group is a group as written; its layer holds the settings only.
type group struct {
	config.Layer
	name    string
	parents []config.Item
}

func (p *parser) settingsLayer(root *config.Table, key string) []config.Layer {
	t, ok := root.Sub(key, "a table of settings")
	if !ok {
		return nil
	}
	var h Host
	p.settings(t, &h)
	t.Done()
	return t.Layers
}

func (p *parser) group(n config.Named) {
	t := p.Table(n.Layer)
	g := group{Layer: n.Layer, name: n.Name, parents: t.Strs("parents", "production")}
	var h Host
	p.settings(t, &h)
	t.Done()
	p.groups[n.Name] = g
	p.inv.Groups = append(p.inv.Groups, Group{Name: n.Name, Parents: config.Texts(g.parents), Line: p.Line(n.At)})
}

// checkGroups reports parents that do not exist and groups that contain themselves.
func (p *parser) checkGroups() {
	for _, g := range p.inv.Groups {
		for _, parent := range p.groups[g.Name].parents {
			if _, ok := p.groups[parent.Text]; !ok {
				p.dangling(parent, "group", p.groupNames())
			} else if p.reaches(parent.Text, g.Name, map[string]bool{}) {
				p.Fault(parent.At, fmt.Sprintf("group %q contains itself through %q", g.Name, parent.Text), "remove one of the parents")
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
	return slices.ContainsFunc(p.groups[from].parents, func(parent config.Item) bool { return p.reaches(parent.Text, to, seen) })
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
func (p *parser) dangling(it config.Item, kind string, known []string) {
	meant := fmt.Sprintf("no %s is defined", kind)
	if len(known) > 0 {
		meant = "known are " + config.List(known)
	}
	if n := config.Nearest(it.Text, known); n != "" {
		meant = fmt.Sprintf("did you mean %q?", n)
	}
	p.Missing(it.At, fmt.Sprintf("%s names the %s %q, which is not defined", it.At, kind, it.Text), meant)
}

// ancestry lists a group and its parents, each once, nearest first.
func (p *parser) ancestry(name string, out []string) []string {
	g, ok := p.groups[name]
	if !ok || slices.Contains(out, name) {
		return out
	}
	out = append(out, name)
	for _, parent := range g.parents {
		out = p.ancestry(parent.Text, out)
	}
	return out
}

func (p *parser) host(n config.Named) {
	own := p.Table(n.Layer)
	var member []string
	for _, it := range own.Strs("groups", "production") {
		if _, ok := p.groups[it.Text]; !ok {
			p.dangling(it, "group", p.groupNames())
		}
		member = p.ancestry(it.Text, member)
	}
	layers := []config.Layer{n.Layer}
	for _, g := range member {
		layers = append(layers, p.groups[g].Layer)
	}
	t := p.Table(append(layers, p.defaults...)...)
	t.Asked["groups"] = true
	t.Asked["parents"] = true
	h := Host{Line: p.Line(n.At)}
	h.Name, h.Groups = n.Name, member
	h.Address = own.Str("address", "192.168.68.113")
	t.Asked["address"] = true
	p.settings(t, &h)
	t.Done()
	if !own.Has("jump") && slices.ContainsFunc(h.SSH.Jump, func(j Jump) bool { return j.Dest == h.Name }) {
		// The bastion of a group is often in that group: it is where the way begins, so it is reached directly.
		h.SSH.Jump, h.SSH.NoJump = nil, true
	}
	if own.Has("parents") {
		p.Fault(n.At.At("parents"), "a host has no parents", "write groups = [...]")
	}
	p.reachable(&h, n.Layer)
	p.inv.Hosts = append(p.inv.Hosts, h)
}

// reachable checks what the kind of a host needs.
func (p *parser) reachable(h *Host, own config.Layer) {
	at := own.At
	switch h.Kind {
	case hosts.KindSSH:
		if _, said := own.M["address"]; !said {
			p.Missing(at, fmt.Sprintf("host %q has no address", h.Name), `want address = "IP, name or ssh alias", or kind = "local"`)
		}
		if h.Address != "" {
			p.sshAddress(at.At("address"), h.Address)
		}
	case hosts.KindLocal:
		if h.Address != "" {
			p.Fault(at.At("address"), fmt.Sprintf("host %q is local and has an address", h.Name), "leave the address out")
		}
	case hosts.KindDocker:
		if h.Docker.Address == "" && h.Docker.Context == "" {
			p.Missing(at, fmt.Sprintf("host %q is of kind docker and names no engine", h.Name), `want docker = { address = "tcp://HOST:2376", ca = …, cert = …, key = … } or { context = "NAME" }`)
		}
	default:
	}
	if h.Sudo.Mode == SudoPassword && h.Sudo.Password.IsZero() {
		p.Missing(at.At("sudo"), fmt.Sprintf("host %q uses sudo with a password and says not where the password comes from", h.Name), "want sudo_password = { prompt = true }, { env = …}, { file = … } or { cmd = [...] }")
	}
}

func (p *parser) console(root *config.Table) {
	t, ok := root.Sub("console", "a table of settings")
	c := Console{Lease: 15 * time.Minute}
	if ok {
		c.Theme = t.Word("theme", "auto", "dark", "light")
		c.Keys = keys(t)
		c.LogSpill = t.Str("log_spill", "~/midwatch-log.zst")
		c.Lease = t.Duration("lease", time.Minute, 8*time.Hour, c.Lease)
		t.Done()
	}
	p.inv.Console = c
}

func (p *parser) runs(root *config.Table) {
	t, ok := root.Sub("runs", `a table such as { yes = ["staging"] }`)
	if !ok {
		return
	}
	known := map[string]bool{}
	for i := range p.inv.Hosts {
		known[p.inv.Hosts[i].Environment] = true
	}
	delete(known, "")
	for _, it := range t.Strs("yes", "staging") {
		if !known[it.Text] {
			p.unknownEnvironment(it, slices.Sorted(maps.Keys(known)))
		}
		p.inv.Runs.Yes = append(p.inv.Runs.Yes, it.Text)
	}
	p.inv.Runs.Root = p.path(t, "root", "/var/lib/midwatch")
	t.Done()
}

func (p *parser) unknownEnvironment(it config.Item, known []string) {
	meant := "known are " + config.List(known)
	if len(known) == 0 {
		meant = `give hosts an environment = "…" first`
	}
	if n := config.Nearest(it.Text, known); n != "" {
		meant = fmt.Sprintf("did you mean %q?", n)
	}
	p.Missing(it.At, fmt.Sprintf("%s is %q, the environment of no host", it.At, it.Text), meant)
}

// keys reads the keys of actions. Which actions there are, and which keys are taken, the console
// knows: it checks the rest.
func keys(t *config.Table) map[string][]string {
	sub, ok := t.Sub("keys", `a table such as { "containers.restart" = "R" }`)
	if !ok {
		return nil
	}
	out := map[string][]string{}
	for _, l := range sub.Layers {
		for _, id := range slices.Sorted(maps.Keys(l.M)) {
			out[id] = append([]string{}, config.Texts(sub.Strs(id, "ctrl+r"))...)
		}
	}
	return out
}
