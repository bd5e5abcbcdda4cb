package inventory

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
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

// FuzzLines holds the line index against the library: every key it found stands on a line that holds
// it, and none is missing.
func FuzzLines(f *testing.F) {
	if data, err := os.ReadFile(filepath.Join("..", "..", "hosts.example.toml")); err == nil {
		f.Add(string(data))
	}
	f.Add("a.b = 1\n[c]\nd = [\n 1, # x\n { e = 2,\n f = 3 },\n]\n[[g]]\nh=1\n[g.i]\nj=\"\"\"\n[x]\\\"\"\"\"\"\"\n[[g]]\nh='''\n'''\n\"k\\tl\" = 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		var doc map[string]any
		meta, err := toml.Decode(text, &doc)
		if err != nil || !utf8.ValidString(text) || strings.Contains(text, `\`) || strings.ContainsAny(text, "\x1f#") {
			// Escapes in keys are looked at by name below; here they would make two spellings of one key.
			indexLines([]byte(text))
			return
		}
		known := map[string]bool{}
		for p := range indexLines([]byte(text)) {
			var keys []string
			for part := range strings.SplitSeq(strings.TrimSuffix(string(p), pathSep), pathSep) {
				if !strings.HasPrefix(part, "#") {
					keys = append(keys, part)
				}
			}
			known[strings.Join(keys, pathSep)] = true
		}
		for _, k := range meta.Keys() {
			if !known[strings.Join(k, pathSep)] {
				t.Fatalf("no line for %q in:\n%s", k, text)
			}
		}
	})
}
