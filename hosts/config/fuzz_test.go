package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

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
			Lines([]byte(text))
			return
		}
		known := map[string]bool{}
		for p := range Lines([]byte(text)) {
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
