package mend

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"midwatch/checks"
	"midwatch/checks/catalog"
	"midwatch/checks/checktest"
)

// hosted makes an archive of a host of a sample: one file alone is that of a host with four processors.
func hosted(t *testing.T, file string) *txtar.Archive {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Ext(file) == ".txtar" {
		a := txtar.Parse(text)
		if strings.HasPrefix(string(a.Comment), "lint") || strings.Contains(string(a.Comment), "\nlint") {
			return nil
		}
		return a
	}
	return &txtar.Archive{Files: []txtar.File{
		{Name: "h/facts.yml", Data: []byte("System: {CPUs: 4}\n")}, {Name: "h/nginx.conf", Data: text},
	}}
}

func found(t *testing.T, a *txtar.Archive, id string) (*checks.World, []checks.Finding) {
	t.Helper()
	snap, err := checktest.Snapshot(a)
	if err != nil {
		t.Fatal(err)
	}
	w := checks.FromSnapshot(snap)
	list, _ := catalog.Select(catalog.All(), id)
	var out []checks.Finding
	for _, answer := range checks.Run(w, list, checks.Options{}).Answers {
		for _, f := range answer.Findings {
			if f.Status == checks.Found && f.Severity > checks.Info {
				out = append(out, f)
			}
		}
	}
	return w, out
}

// apply changes the file of the archive that a mend names.
func apply(t *testing.T, a *txtar.Archive, m *Mend) {
	t.Helper()
	for _, f := range m.Files {
		i := slices.IndexFunc(a.Files, func(x txtar.File) bool {
			return strings.HasPrefix(x.Name, m.Host+"/") && strings.HasSuffix(x.Name, filepath.Base(f.Path)) || strings.HasSuffix(x.Name, f.Path)
		})
		if i < 0 {
			t.Fatalf("the mend changes %s, which is not in the sample", f.Path)
		}
		lines := strings.Split(string(a.Files[i].Data), "\n")
		for _, e := range slices.Backward(f.Edits) {
			if lines[e.Line-1] != e.Old {
				t.Fatalf("line %d is %q and not %q", e.Line, lines[e.Line-1], e.Old)
			}
			lines = slices.Replace(lines, e.Line-1, e.Line, e.New...)
		}
		a.Files[i].Data = []byte(strings.Join(lines, "\n"))
	}
}

// Every sample of a rule that can be mended is silent after all its mends, one after the other, or says why
// it takes a person.
func TestSamplesAreSilentAfterTheirMends(t *testing.T) {
	const most = 8 // a mend may uncover another finding of the same rule
	for id, want := range map[string]int{
		"xfp-overwritten-behind-tls-proxy": 4, "xfp-missing-at-tls-edge": 1, "nginx-hardcoded-connection-upgrade": 3,
		"nginx-max-conns-per-worker": 2, "nginx-sse-buffered": 2,
	} {
		files, err := filepath.Glob("../nginxrules/testdata/" + id + "/bad-*")
		if err != nil || len(files) == 0 {
			t.Fatal(id, err)
		}
		mended := 0
		for _, file := range files {
			a := hosted(t, file)
			if a == nil {
				continue
			}
			for try := 0; ; try++ {
				w, list := found(t, a, id)
				if len(list) == 0 {
					if try > 0 {
						mended++
					}
					break
				}
				m, err := For(w, &list[0])
				if errors.Is(err, ErrNone) {
					t.Logf("%s: %v", filepath.Base(file), err)
					break
				}
				if err != nil || m.Title == "" || m.Finding != list[0].ID() {
					t.Fatalf("%s: %+v, %v", file, m, err)
				}
				apply(t, a, m)
				if _, rest := found(t, a, id); len(rest) >= len(list) && rest[0].ID() == list[0].ID() || try > most {
					t.Errorf("%s: still found after the mend: %s\n%s", file, rest[0].Title, a.Files[1].Data)
					break
				}
			}
		}
		if mended < want {
			t.Errorf("%s: %d of %d samples could be mended, want %d", id, mended, len(files), want)
		}
	}
}

func TestOtherMends(t *testing.T) {
	for name, c := range map[string]struct {
		archive, check string
		want           func(m *Mend) bool
		none           string
	}{
		"a port that is taken": {`
-- h/facts.yml --
Sockets:
  - {Proto: tcp, Address: 0.0.0.0, Port: 8000, Process: python3.11}
  - {Proto: tcp, Address: 0.0.0.0, Port: 8001, Process: other}
-- h/compose/hub/docker-compose.yml --
services:
  front:
    image: front:1
    ports: ["8000:80"]
`, "port-collision-deploy", func(m *Mend) bool {
			e := m.Files[0].Edits[0]
			return m.Kind == Compose && m.Project == "hub" && e.Line == 4 && e.New[0] == `    ports: ["8002:80"]` && m.Services[0] == "front"
		}, ""},
		"a port from a variable": {`
-- h/facts.yml --
Sockets:
  - {Proto: tcp, Address: 0.0.0.0, Port: 8000, Process: python3.11}
-- h/compose/hub/docker-compose.yml --
services:
  front:
    image: front:1
    ports: ["${PORT:-8000}:80"]
`, "port-collision-deploy", nil, "from a variable"},
		"a unit that systemd gave up on": {`
-- h/facts.yml --
Units:
  - {Name: api.service, Load: loaded, Active: failed, Sub: failed, Result: start-limit-hit}
`, "systemd-start-limit-hit", func(m *Mend) bool { return m.Kind == Unit && m.Unit == "api.service" && m.Op == "start" }, ""},
		"a container without memory": {`
-- h/facts.yml --
Containers:
  - {ID: a, Name: a, State: exited, Exit: 137, OOMKilled: true}
`, "container-oom", nil, "takes a person"},
	} {
		w, list := found(t, txtar.Parse([]byte(c.archive)), c.check)
		if len(list) == 0 {
			t.Errorf("%s: nothing is found", name)
			continue
		}
		m, err := For(w, &list[0])
		switch {
		case c.none != "" && (!errors.Is(err, ErrNone) || !strings.Contains(err.Error(), c.none)):
			t.Errorf("%s: %+v, %v", name, m, err)
		case c.none == "" && (err != nil || !c.want(m)):
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

func TestMendersAreOfChecks(t *testing.T) {
	for _, id := range Checks() {
		if list, unknown := catalog.Select(catalog.All(), id); len(unknown) > 0 || len(list) != 1 {
			t.Errorf("no check is called %s", id)
		}
	}
}
