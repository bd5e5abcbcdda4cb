//go:build lab

package lab

import (
	"slices"
	"testing"
)

// The owner's faults on real hosts: each check is silent before, names what was planted, is silent when its
// fix was followed, finds it again when that is undone, and is silent on what was there at first.
func TestPlantedFaults(t *testing.T) {
	l := Open(t)
	l.NeedEngine(t, engineHosts...)
	faults := plants(t, l, append(proxyFaults(), machineFaults()...))
	g := l.ground(t, engineHosts...)
	p := l.Program(t, l.Inventory(engineHosts...)+
		"[probes.plant-tls]\ntls = \"127.0.0.1:8444\"\nserver_name = \"plant.test\"\nfrom = \"h3\"\ninterval = \"5s\"\n")
	var ids []string
	for _, x := range faults {
		if !slices.Contains(ids, x.check) {
			ids = append(ids, x.check)
		}
	}
	bad := false
	for _, s := range []standing{sound, faulty, mended, faulty, sound} {
		g.everywhere(t, s.String()+"/set", faults, func(t *testing.T, x *fault) { x.set(t, g, s) })
		g.reload(t)
		g.everywhere(t, s.String()+"/real", faults, func(t *testing.T, x *fault) {
			if x.real != nil {
				x.real(t, g, s)
			}
		})
		if t.Failed() && !bad {
			t.FailNow() // what midwatch says of a host that is not as it should be says nothing
		}
		found, unknown := p.Check(t, ids...)
		for _, x := range faults {
			if !t.Run(s.String()+"/"+x.name, func(t *testing.T) { x.judge(t, g, s, found, unknown) }) {
				bad = true
			}
		}
	}
}
