package collect

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"midwatch/hosts"
)

// sqlite is the beginning of a database that is written through a log.
var sqlite = append([]byte("SQLite format 3\x00\x10\x00\x02\x02\x00\x40\x20\x20"), make([]byte, 76)...)

// one runs a section with a shell and returns its evidence.
func one(t *testing.T, sh *shell, id string, f *hosts.HostFacts) hosts.Evidence {
	t.Helper()
	s, _ := ByID(id)
	if s.Make != nil {
		s.Script = s.Make(f)
	}
	s.Limit = time.Minute // a machine with little time
	got, err := run(t, sh, []Section{s})
	if err != nil || len(got) != 1 || got[0].Evidence.Error != "" {
		t.Fatalf("%v: %+v", err, got)
	}
	return got[0].Evidence
}

// What is open of a database, and was deleted, is seen by every shell.
func TestDatabasesHeld(t *testing.T) {
	t.Parallel()
	for name, sh := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := func(name string, data []byte) string {
				p := filepath.Join(dir, name)
				if err := os.WriteFile(p, data, 0o600); err != nil {
					t.Fatal(err)
				}
				return p
			}
			hold := func(name string, data []byte) string {
				p := file(name, data)
				h, err := os.OpenFile(p, os.O_RDWR, 0) //nolint:gosec // a file of the test
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = h.Close() })
				return p
			}
			hold("my app.db", sqlite)
			hold("my app.db-wal", []byte("log"))
			gone := hold("my app.db-shm", []byte("shared"))
			replaced := hold("old.db", sqlite)
			file("loose.db", sqlite)
			file("loose.db-wal", []byte("log"))
			for _, p := range []string{gone, replaced} {
				if err := os.Remove(p); err != nil {
					t.Fatal(err)
				}
			}
			ev := one(t, sh, "databases", &hosts.HostFacts{})
			by := map[string]hosts.Database{}
			for _, d := range ParseDatabases(ev.Data) {
				if d.PID == os.Getpid() && strings.Contains(d.Path+d.InnerPath, dir) {
					by[filepath.Base(d.Path)] = d
				}
			}
			d := by["my app.db"]
			if !d.WAL || d.SHM || !d.Writes || d.WALSize != 3 || !cmp.Equal(d.Deleted, []string{"-shm"}) || d.Locked {
				t.Errorf("%+v\n%s", d, ev.Data)
			}
			if d := by["old.db"]; !d.WAL || !cmp.Equal(d.Deleted, []string{""}) {
				t.Errorf("%+v", d)
			}
			if !slices.ContainsFunc(ParseLooseLogs(ev.Data), func(l hosts.LooseLog) bool {
				return strings.HasSuffix(l.Path, "/loose.db-wal") && l.Size == 3 && !l.At.IsZero()
			}) {
				t.Errorf("loose.db-wal is not among %+v", ParseLooseLogs(ev.Data))
			}
		})
	}
}

func TestMayWrite(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		who, dir string
		want     bool
	}{
		{"0:0", "drwxr-xr-x:1000:1000", true},
		{"1000:1000", "drwxr-xr-x:1000:1000", true},
		{"1000:1000", "dr-xrwxrwx:1000:1000", false}, // the owner's bits are the owner's
		{"33:33,1000", "drwxrwxr-x:0:1000", true},
		{"33:33", "drwxrwxr-x:0:1000", false},
		{"33:33", "drwxrwxrwt:0:0", true},
		{"33:33", "drwxr-xr-x+:0:0", true}, // an access list may say otherwise
		{"-", "drwxr-xr-x:0:0", true},
		{"33:33", "-:0:0", true},
	} {
		if got := mayWrite(c.who, c.dir); got != c.want {
			t.Errorf("%s in %s: %v", c.who, c.dir, got)
		}
	}
}

// Of an environment file are told names, and of values what must agree with what runs; in every shell.
func TestEnvTold(t *testing.T) {
	t.Parallel()
	const text = "# PORT=1\nPORT=3001\n  CXBCORE_WORKERS=\"4\"\nMAX_CONCURRENT_CALLS='1'\r\nexport X=1\nTOKEN=/secret/RECORDING\n" +
		"RECORDINGS_DIR=\"/var/lib/cxb/recordings\"\nRECORDING_PATH=/a b\nFLEET_URLS=\"https://a.test/s3cret?x=y, https://b.test:8443/s3cret,https://u:p4ss@c.test;https://a.test/s3cret?x=y\"\nPIN_PORT=4711\n"
	want := hosts.EnvFile{
		Path: "/e", Read: true, Names: []string{"PORT", "CXBCORE_WORKERS", "MAX_CONCURRENT_CALLS", "TOKEN", "RECORDINGS_DIR", "RECORDING_PATH", "FLEET_URLS", "PIN_PORT"},
		Numbers: map[string]int{"PORT": 3001, "CXBCORE_WORKERS": 4, "MAX_CONCURRENT_CALLS": 1},
		Paths:   map[string]string{"RECORDINGS_DIR": "/var/lib/cxb/recordings"},
		URLs:    map[string][]hosts.ListedURL{"FLEET_URLS": {{Origin: "https://a.test"}, {Origin: "https://b.test:8443"}, {Origin: "https://a.test", Again: true}}},
	}
	for name, sh := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := Section{ID: "told", Limit: time.Minute, Script: "printf 'mw-file /e\\n'; printf '%s' " + quote(text) + " | awk '" + envTold + "'"}
			got, err := run(t, sh, []Section{s})
			if err != nil || len(got) != 1 {
				t.Fatalf("%v: %+v", err, got)
			}
			data := string(got[0].Evidence.Data)
			if diff := cmp.Diff(want, ParseUnitEnv([]byte(data))["/e"]); diff != "" {
				t.Errorf("%s\n%s", diff, data)
			}
			for _, s := range []string{"s3cret", "p4ss", "4711", "secret"} {
				if strings.Contains(data, s) {
					t.Errorf("%q leaves the host:\n%s", s, data)
				}
			}
		})
	}
}

func TestUnitPort(t *testing.T) {
	t.Parallel()
	var f hosts.HostFacts
	for _, x := range []struct{ id, data string }{
		{"unitenv", "mw-port 3000 web@1.service\nmw-file /etc/web/2.env\nPORT\nmw-number PORT 3002\n"},
		{"units", "Id=web@1.service\nActiveState=active\n\nId=web@2.service\nActiveState=active\nEnvironmentFiles=/etc/web/2.env (ignore_errors=yes)\n"},
		{"units", "Id=web@1.service\nActiveState=active\n\nId=web@2.service\nActiveState=active\nEnvironmentFiles=/etc/web/2.env (ignore_errors=yes)\n"},
	} {
		Apply(&f, hosts.Evidence{Collector: x.id, At: time.Unix(1, 0), Data: []byte(x.data)})
	}
	var got []string
	for _, u := range f.Units.Value {
		n, from := u.EnvPort()
		got = append(got, u.Name+" "+from+" "+time.Duration(n).String())
	}
	if diff := cmp.Diff([]string{"web@1.service Environment= 3µs", "web@2.service /etc/web/2.env 3.002µs"}, got); diff != "" {
		t.Error(diff)
	}
	if e := f.Units.Value[1].EnvFiles[0]; !e.Optional || e.Path != "/etc/web/2.env" {
		t.Errorf("%+v", e)
	}
}

// Code that runs is found with what lies beside it.
func TestCode(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 on this machine")
	}
	dir := t.TempDir()
	for _, name := range []string{"app.py", "web.js", ".app.py.Xa4f0T", ".env.sample", "venv/lib.py", "sub/b.py"} {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte("pass\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", "print(1, flush=True); input()", "--reload") //nolint:gosec // a test
	cmd.Dir = dir
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	for name, sh := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ev := one(t, sh, "code", &hosts.HostFacts{})
			i := slices.IndexFunc(ParseCode(ev.Data), func(c hosts.CodeTree) bool { return c.Dir == dir })
			if i < 0 {
				t.Fatalf("%s is not in\n%s", dir, ev.Data)
			}
			c := ParseCode(ev.Data)[i]
			if c.Files != 2 || !strings.HasSuffix(c.File, ".py") || c.Newest.IsZero() || !c.Reloads || !cmp.Equal(c.Partial, []string{".app.py.Xa4f0T"}) {
				t.Errorf("%+v\n%s", c, ev.Data)
			}
			if d := c.Started.Sub(c.Newest); d < -5*time.Second || d > time.Hour {
				t.Errorf("started %s after the newest file", d)
			}
		})
	}
	t.Run("", func(*testing.T) {}) // the shells are done before the process ends
}

func TestParseCode(t *testing.T) {
	t.Parallel()
	const data = `mw-code
/proc/1/cgroup:0::/init.scope
mw-rsync
mw-proc 7 python 1000 0 /opt/app
/proc/7/comm:uvicorn
/proc/7/cgroup:0::/system.slice/app.service
mw-tree 7
mw-part 1500 pkg/.api.py.Q1w2e3
mw-part 1500 .env.sample
mw-new py 12 1400 pkg/my api.py
mw-new js 2 9999 static/x.js
mw-proc 8 python 1200 1 /opt/app
/proc/8/comm:python3
/proc/8/cgroup:0::/system.slice/app.service
mw-proc 9 node 10 0 /opt/app
/proc/9/cgroup:0::/system.slice/other.service
mw-proc x
`
	want := []hosts.CodeTree{{
		Dir: "/opt/app", Process: "python3", PID: 8, Unit: "app.service", Started: time.Unix(1200, 0), Reloads: true, Newest: time.Unix(1400, 0),
		File: "pkg/my api.py", Files: 12, Partial: []string{"pkg/.api.py.Q1w2e3"}, PartialAt: time.Unix(1500, 0), Transfer: true,
	}}
	if diff := cmp.Diff(want, ParseCode([]byte(data))); diff != "" {
		t.Error(diff)
	}
}
