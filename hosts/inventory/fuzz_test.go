package inventory

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func FuzzParse(f *testing.F) {
	if data, err := os.ReadFile(filepath.Join("..", "..", "hosts.example.toml")); err == nil {
		f.Add(data)
	}
	f.Add([]byte("[hosts.a]\naddress = \"10.0.0.1\"\n[hosts.a]\nport = 1\n"))
	f.Add([]byte("[[hosts]]\nname = \"a\"\n[[hosts.docker]]\n[hosts.docker.x]\n"))
	f.Add([]byte("a = \"\"\"\n[x]\n\"\"\"\"\"\nb = '''\n'\n''''\n\"\\u0001\" = {a=[{},[1,{b=2}]]}"))
	f.Add([]byte("hosts = 1\ngroups = [1]\nprobes = [[{}]]\nlogs = [{name='x', sources=[{}]}]\ndefaults = []\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		inv, faults := Parse("hosts.toml", data)
		if inv == nil {
			t.Fatal("no inventory")
		}
		last := 0
		for _, fault := range faults {
			if fault.Line < last || fault.Line > strings.Count(string(data), "\n")+1 {
				t.Fatalf("line %d after %d: %v", fault.Line, last, fault)
			}
			last = fault.Line
			for _, r := range fault.String() {
				if r < 0x20 || r == 0x7f {
					t.Fatalf("control character in %q", fault.String())
				}
			}
		}
		if len(faults) > 0 {
			return
		}
		for _, h := range inv.Hosts {
			if h.Line == 0 || h.Timeouts.Connect == 0 || h.SSH.MaxSessions == 0 {
				t.Fatalf("host without line or defaults: %+v", h)
			}
			for _, j := range h.SSH.Jump {
				if _, ok := inv.Host(j.Host); j.Host != "" && !ok {
					t.Fatalf("jump through nothing: %+v", h)
				}
			}
		}
	})
}
