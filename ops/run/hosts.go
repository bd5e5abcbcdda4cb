package run

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"midwatch/ops/deploy"
)

// unit is a step of a definition as the engine goes over it: a step, or one of a group's.
type unit struct {
	id    string // "group.step" within a group
	group string
	step  deploy.Step
	hosts []string // "" is the operator's machine
}

// layout is a definition with its hosts filled in.
type layout struct {
	def   *deploy.Definition
	units []unit              // in order, a group before its steps
	hosts []string            // every host of a step, sorted
	locks []string            // every host that the lock lies on, sorted
	byTgt map[string][]string // hosts of each target, in order
}

// lay fills in the hosts of a definition. only, when not empty, are the only hosts that are worked on.
func (r *Runs) lay(d *deploy.Definition, only []string) (*layout, error) {
	l := &layout{def: d, byTgt: map[string][]string{}}
	for name, t := range d.Targets {
		var all []string
		add := func(h string) error {
			if _, ok := r.p.Host(h); !ok {
				return fmt.Errorf("target %s: no host %q in the inventory", name, h)
			}
			if !slices.Contains(all, h) && (len(only) == 0 || slices.Contains(only, h)) {
				all = append(all, h)
			}
			return nil
		}
		for _, h := range t.Hosts {
			if err := add(h); err != nil {
				return nil, err
			}
		}
		for _, g := range t.Groups {
			members := r.p.Group(g)
			if len(members) == 0 {
				return nil, fmt.Errorf("target %s: no host in group %q", name, g)
			}
			for _, h := range members {
				if err := add(h); err != nil {
					return nil, err
				}
			}
		}
		l.byTgt[name] = all
	}
	seen := map[string]bool{}
	for _, s := range d.Steps {
		hosts, err := l.hostsOf(s)
		if err != nil {
			return nil, err
		}
		l.units = append(l.units, unit{id: s.ID, step: s, hosts: hosts})
		for _, c := range s.Steps {
			ch := hosts
			if c.Local {
				ch = []string{""}
			}
			l.units = append(l.units, unit{id: s.ID + "." + c.ID, group: s.ID, step: c, hosts: ch})
		}
		for _, h := range hosts {
			seen[h] = true
		}
	}
	delete(seen, "")
	l.hosts = slices.Sorted(maps.Keys(seen))
	return l, l.lockHosts()
}

func (l *layout) hostsOf(s deploy.Step) ([]string, error) {
	if s.Local || s.On == "" {
		return []string{""}, nil
	}
	hosts, ok := l.byTgt[s.On]
	if !ok {
		return nil, fmt.Errorf("step %s: no target %q", s.ID, s.On)
	}
	return hosts, nil
}

// lockHosts are the hosts of the targets that the lock names, or all that are worked on.
func (l *layout) lockHosts() error {
	if len(l.def.Lock.On) == 0 {
		l.locks = l.hosts
		return nil
	}
	seen := map[string]bool{}
	for _, name := range l.def.Lock.On {
		hosts, ok := l.byTgt[name]
		if !ok {
			return fmt.Errorf("lock: no target %q", name)
		}
		for _, h := range hosts {
			seen[h] = true
		}
	}
	// A host that is worked on without a lock could not be fenced.
	for _, h := range l.hosts {
		seen[h] = true
	}
	l.locks = slices.Sorted(maps.Keys(seen))
	return nil
}

// children are the units of a group.
func (l *layout) children(group string) []unit {
	var out []unit
	for _, u := range l.units {
		if u.group == group {
			out = append(out, u)
		}
	}
	return out
}

// vars are the definition's with the options' over them.
func vars(d *deploy.Definition, over map[string]string) map[string]string {
	all := maps.Clone(d.Vars)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, over)
	return all
}

// hostVars are those of the targets that a host is in.
func hostVars(d *deploy.Definition, host string) map[string]string {
	all := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(d.Targets)) {
		maps.Copy(all, d.Targets[name].HostVars[host])
	}
	return all
}

// base is the directory that local paths of a definition are relative to.
func base(d *deploy.Definition) string {
	if d.File == "" {
		return "."
	}
	dir := filepath.Dir(d.File)
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir
}

// batches splits hosts as a step wants them: the canaries, then so many at a time.
func batches(hosts []string, b deploy.Batch) [][]string {
	var out [][]string
	rest := hosts
	if b.Canary > 0 && len(rest) > 0 {
		n := min(b.Canary, len(rest))
		out, rest = append(out, rest[:n]), rest[n:]
	}
	size := max(b.Size, 1)
	if b.Percent > 0 {
		size = max(len(hosts)*b.Percent/100, 1)
	}
	for len(rest) > 0 {
		n := min(size, len(rest))
		out, rest = append(out, rest[:n]), rest[n:]
	}
	return out
}

func sum(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))
}
