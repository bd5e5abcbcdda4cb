package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "midwatch"

// pkg is what the rules need of "go list -json".
type pkg struct {
	ImportPath string
	Dir        string
	Imports    []string
	Deps       []string
	GoFiles    []string
	Standard   bool
}

// layer is the first element of the path below the module: "tui" of "midwatch/tui/logs".
func (p pkg) layer() string {
	rest, ok := strings.CutPrefix(p.ImportPath, module+"/")
	if !ok {
		return ""
	}
	top, _, _ := strings.Cut(rest, "/")
	return top
}

// list returns our packages; dependencies of others are only in Deps.
func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Dir,Imports,Deps,GoFiles,Standard", module+"/...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v: %s", err, stderr.String())
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if !p.Standard && (p.ImportPath == module || strings.HasPrefix(p.ImportPath, module+"/")) {
			all = append(all, p)
		}
	}
	if len(all) < 5 {
		t.Fatalf("go list named only %d packages of ours: the rules would hold for nothing", len(all))
	}
	return all
}

// rule is one sentence about imports. It applies to the packages that are in one of layers.
type rule struct {
	name   string
	layers []string
	// deny are import paths; a trailing slash denies what is below and not the path itself,
	// a trailing "..." denies the path and what is below, anything else only that path.
	deny []string
	// deep looks at everything a package pulls in, not only at what it names.
	deep bool
	// allow are paths deny does not mean: the pure readers of what a proxy would do, and what ops reads
	// definitions of deploys with, whose types the screens show.
	allow []string
	// except are packages the rule does not hold for, by the same patterns.
	except []string
}

func rules() []rule {
	shows := []string{
		"github.com/charmbracelet/bubbletea...", "github.com/charmbracelet/bubbles...",
		"github.com/charmbracelet/lipgloss...", "charm.land/...",
	}
	return []rule{
		{name: "hosts imports nothing of ours above it", layers: []string{"hosts"}, deny: []string{"midwatch/tui...", "midwatch/ops...", "midwatch/checks...", "midwatch/themes...", "midwatch/cmd..."}, deep: true},
		{name: "checks knows no ops, no screen", layers: []string{"checks"}, deny: []string{"midwatch/tui...", "midwatch/ops...", "midwatch/themes...", "midwatch/cmd..."}, deep: true},
		{name: "ops knows no checks, no screen", layers: []string{"ops"}, deny: []string{"midwatch/tui...", "midwatch/checks...", "midwatch/themes...", "midwatch/cmd..."}, deep: true},
		{name: "nothing below the screens shows anything", layers: []string{"hosts", "checks", "ops"}, deny: shows, deep: true},
		{name: "the screens join nothing", layers: []string{"tui"}, deny: []string{"midwatch/cmd...", "midwatch/hosts/"}, allow: []string{"midwatch/hosts/nginx", "midwatch/hosts/envoy", "midwatch/hosts/traefik", "midwatch/hosts/logline", "midwatch/hosts/logfilter", "midwatch/hosts/config", "midwatch/hosts/redact", "midwatch/hosts/nginx/read"}, deep: true},
		{name: "the screens know no network, no process, no configuration", layers: []string{"tui"}, deny: []string{"os/exec", "net", "net/http...", "net/rpc...", "golang.org/x/crypto...", "github.com/docker/docker...", "github.com/BurntSushi/toml...", "github.com/nginxinc/nginx-go-crossplane..."}},
		{name: "the screens pull in no client", layers: []string{"tui"}, deny: []string{"golang.org/x/crypto/ssh...", "github.com/docker/docker..."}, deep: true},
		{name: "themes stand apart", layers: []string{"themes"}, deny: []string{"midwatch/hosts...", "midwatch/checks...", "midwatch/ops...", "midwatch/tui...", "midwatch/cmd...", "github.com/charmbracelet/bubbletea...", "github.com/charmbracelet/bubbles..."}, deep: true},
		{name: "checks are pure", layers: []string{"checks"}, deny: []string{"os/exec", "net/http...", "golang.org/x/crypto...", "github.com/docker/docker..."}},
		{name: "checks read nothing but what they are asked about", layers: []string{"checks"}, deny: []string{"os...", "io/fs", "syscall...", "log...", "math/rand...", "midwatch/hosts/"}, allow: []string{"midwatch/hosts/nginx", "midwatch/hosts/envoy", "midwatch/hosts/traefik", "midwatch/hosts/logline"}, except: []string{"midwatch/checks/checktest", "midwatch/checks/lint"}},
		{name: "lint parses and opens nothing", layers: []string{"checks"}, deny: []string{"os...", "io/fs", "syscall...", "net...", "midwatch/hosts/"}, allow: []string{"midwatch/hosts/nginx", "midwatch/hosts/nginx/read", "midwatch/hosts/envoy", "midwatch/hosts/traefik", "midwatch/hosts/logline", "net", "net/netip", "net/url"}, except: []string{"midwatch/checks/checktest"}},
		{name: "the Docker client stays behind hosts/docker", layers: []string{"cmd", "tui", "ops", "checks", "hosts", "themes"}, deny: []string{"github.com/docker/docker..."}, except: []string{"midwatch/hosts/docker...", "midwatch/hosts/demo..."}},
		{name: "the demo speaks Docker's API with its types, not its client", layers: []string{"hosts"}, deny: []string{"github.com/docker/docker/client..."}, except: []string{"midwatch/hosts/docker..."}},
	}
}

// match reports whether path is what pattern, as in rule.deny, names.
func match(pattern, path string) bool {
	if base, ok := strings.CutSuffix(pattern, "..."); ok {
		base = strings.TrimSuffix(base, "/")
		return path == base || strings.HasPrefix(path, base+"/")
	}
	if strings.HasSuffix(pattern, "/") {
		return strings.HasPrefix(path, pattern)
	}
	return path == pattern
}

// broken returns what p imports against r.
func (r rule) broken(p pkg) []string {
	if !slices.Contains(r.layers, p.layer()) {
		return nil
	}
	named := func(patterns []string, path string) bool {
		return slices.ContainsFunc(patterns, func(pattern string) bool { return match(pattern, path) })
	}
	if named(r.except, p.ImportPath) {
		return nil
	}
	imports := p.Imports
	if r.deep {
		imports = p.Deps
	}
	var bad []string
	for _, path := range imports {
		if named(r.deny, path) && !named(r.allow, path) {
			bad = append(bad, path)
		}
	}
	return bad
}

func TestImports(t *testing.T) {
	t.Parallel()
	pkgs := list(t)
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			for _, p := range pkgs {
				for _, path := range r.broken(p) {
					t.Errorf("%s imports %s", p.ImportPath, path)
				}
			}
		})
	}
}

// The rules are only worth something if they can fail.
func TestRulesCanFail(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		pkg  pkg
		want bool
	}{
		{"hosts imports tui", pkg{ImportPath: "midwatch/hosts/fleet", Deps: []string{"midwatch/tui"}}, true},
		{"hosts draws", pkg{ImportPath: "midwatch/hosts", Deps: []string{"github.com/charmbracelet/lipgloss"}}, true},
		{"ops imports checks", pkg{ImportPath: "midwatch/ops", Deps: []string{"midwatch/checks/nginx"}}, true},
		{"checks imports ops", pkg{ImportPath: "midwatch/checks/nginx", Deps: []string{"midwatch/ops"}}, true},
		{"tui runs a program", pkg{ImportPath: "midwatch/tui/shell", Imports: []string{"os/exec"}}, true},
		{"tui takes values of hosts", pkg{ImportPath: "midwatch/tui/logs", Imports: []string{"midwatch/hosts"}, Deps: []string{"midwatch/hosts", "net"}}, false},
		{"tui takes a transport", pkg{ImportPath: "midwatch/tui/logs", Deps: []string{"midwatch/hosts", "midwatch/hosts/transport"}}, true},
		{"Docker elsewhere", pkg{ImportPath: "midwatch/hosts/fleet", Imports: []string{"github.com/docker/docker/client"}}, true},
		{"Docker at home", pkg{ImportPath: "midwatch/hosts/docker", Imports: []string{"github.com/docker/docker/client"}}, false},
		{"the demo takes the client", pkg{ImportPath: "midwatch/hosts/demo", Imports: []string{"github.com/docker/docker/client"}}, true},
		{"a check reads a file", pkg{ImportPath: "midwatch/checks/nginxrules", Imports: []string{"os"}}, true},
		{"a check takes a transport", pkg{ImportPath: "midwatch/checks/hostrules", Imports: []string{"midwatch/hosts/transport"}}, true},
		{"a check knows nginx", pkg{ImportPath: "midwatch/checks/nginxrules", Imports: []string{"midwatch/hosts/nginx", "net/netip"}}, false},
		{"lint opens a file", pkg{ImportPath: "midwatch/checks/lint", Imports: []string{"os"}}, true},
		{"cmd joins", pkg{ImportPath: "midwatch/cmd/midwatch", Deps: []string{"midwatch/tui", "midwatch/ops", "midwatch/checks", "midwatch/hosts/fleet"}}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got bool
			for _, r := range rules() {
				got = got || len(r.broken(c.pkg)) > 0
			}
			if got != c.want {
				t.Errorf("broken = %v, want %v", got, c.want)
			}
		})
	}
}
