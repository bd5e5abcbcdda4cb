package worlds

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"midwatch/hosts/demo/sim"
)

// World is one operation.
type World struct {
	Name, Title string
	Hosts       []Head
	Names       map[string]string // DNS: name → address, as the operator sees it
	Build       func(s *sim.Site, p *Plan)
	// Groups, Inventory and Extra are the parts of hosts.toml that belong to the world: what is said
	// once, what is said of the machines of each copy, and what is said of the first copy only (probes,
	// log sets). Addresses are those of the first copy; names between percent signs are its hosts; DIR
	// is the directory of the files that Secrets and the fleet provide.
	Groups, Inventory, Extra string
	// Secrets are files the inventory names, by name.
	Secrets map[string]string
	// Deploys are definitions of deploys for the first copy, by the name of their file; hosts stand between percent
	// signs as in Inventory.
	Deploys map[string]string
}

// Head is what has to be known of a machine before it is built.
type Head struct {
	Name, Addr  string
	User        string // account the inventory logs in as
	Port        int    // of sshd; 0 is 22
	MaxSessions int    // of sshd; 0 is 10
	Engine      bool   // no shell: a Docker engine over TCP and TLS
}

// SSH reports whether the machine has a shell.
func (h Head) SSH() bool { return !h.Engine }

// All lists the worlds.
func All() []World { return []World{Cortex(), Studio(), CXB(), Stack(), Powernode()} }

// Plan gives the copies of a world names and addresses of their own.
type Plan struct {
	World int // place of the world in All
	Copy  int // 0 is the world itself
	Calm  bool
}

// NewPlan returns the plan of the n-th copy.
func NewPlan(world, n int) *Plan { return &Plan{World: world, Copy: n} }

// Name is the name of a host in this copy.
func (p *Plan) Name(name string) string {
	if p.Copy == 0 {
		return name
	}
	return fmt.Sprintf("%s-c%d", name, p.Copy+1)
}

// Addr is an address in this copy: 192.168.68.90 becomes 10.(100+world·20+third mod 20).COPY.90.
func (p *Plan) Addr(addr string) string {
	if p.Copy == 0 || addr == "" {
		return addr
	}
	f := strings.Split(addr, ".")
	if len(f) != 4 {
		return addr
	}
	third, _ := strconv.Atoi(f[2])
	return fmt.Sprintf("10.%d.%d.%s", 100+p.World*20+third%20, p.Copy, f[3])
}

// Domain is a public name in this copy.
func (p *Plan) Domain(name string) string {
	if p.Copy == 0 {
		return name
	}
	return fmt.Sprintf("c%d.%s", p.Copy+1, name)
}

// Text replaces the addresses and names of the world in a text.
func (p *Plan) Text(w World, text string) string {
	if p.Copy == 0 {
		return text
	}
	var pairs []string
	for _, h := range w.Hosts {
		pairs = append(pairs, h.Addr, p.Addr(h.Addr))
	}
	names := make([]string, 0, len(w.Names))
	for n := range w.Names {
		names = append(names, n)
	}
	// Longer names first: one may end another.
	sort.Slice(names, func(i, j int) bool { return len(names[i]) > len(names[j]) })
	for _, n := range names {
		pairs = append(pairs, n, p.Domain(n))
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// Names replaces the names between percent signs; a doubled sign is one.
func (p *Plan) Names(text string) string {
	f := strings.Split(text, "%")
	for i := 1; i < len(f); i += 2 {
		if f[i] == "" {
			f[i] = "%"
			continue
		}
		f[i] = p.Name(f[i])
	}
	return strings.Join(f, "")
}

// Resolve is the operator's DNS for this copy; "" for names the world does not have.
func (p *Plan) Resolve(w World, name string) string {
	for n, addr := range w.Names {
		if p.Domain(n) == name {
			return p.Addr(addr)
		}
	}
	return ""
}
