package inventory

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"midwatch/hosts/config"
)

func writeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestImport(t *testing.T) {
	t.Parallel()
	dir := writeFiles(t, map[string]string{
		"config": `# mine
Include conf.d/*.conf none*
Host web1 web2 *.example.com !bad
  HostName 10.0.0.1
  User = "deploy"
  Port 2222
host "db one" db1
	hostname	10.0.0.2
	ProxyJump bastion
Match host web1
  User nobody
Host web1
  User other
Host git@forge host:22 -oX
Host *
  User all
`,
		"conf.d/a.conf": "Host bastion\nHostName 192.0.2.7\nInclude conf.d/b.inc\n",
		"conf.d/b.inc":  "Host inner\n",
	})
	found, err := ReadSSHConfig(filepath.Join(dir, "config"))
	if err != nil {
		t.Fatal(err)
	}
	text := Render(found, "~/.ssh/config")
	want := `# Written by midwatch hosts import from ~/.ssh/config.
# Addresses are ssh aliases: user, port, keys and jumps keep coming from there, see ssh -G ALIAS.
# hosts.example.toml says what else can be written here.

[hosts.bastion]   # 192.0.2.7
address = "bastion"

[hosts.inner]
address = "inner"

[hosts.web1]   # 10.0.0.1, user deploy, port 2222
address = "web1"

[hosts.web2]   # 10.0.0.1, user deploy, port 2222
address = "web2"

# Not taken over: Host db one, which is "db one".

[hosts.db1]   # 10.0.0.2, via bastion
address = "db1"

# Not taken over: Host git@forge, which holds a user.

# Not taken over: Host host:22, which holds a port.

# Not taken over: Host -oX, which is "-oX".
`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	inv := mustParse(t, string(text))
	if len(inv.Hosts) != 5 {
		t.Errorf("%d hosts, want 5", len(inv.Hosts))
	}
}

func TestImportOfNothing(t *testing.T) {
	t.Parallel()
	mustParse(t, string(Render(nil, "x\n[hosts.evil]")))
}

func TestImportStopsAtCircles(t *testing.T) {
	t.Parallel()
	dir := writeFiles(t, map[string]string{"config": "Include config\n"})
	if _, err := ReadSSHConfig(filepath.Join(dir, "config")); err == nil || !strings.Contains(err.Error(), "include each other") {
		t.Errorf("error %v", err)
	}
}

func FuzzImport(f *testing.F) {
	f.Add("Host a b\nHostName \"x\n\nport=1\nMatch all\n")
	f.Add("Host \"a#b\" a.b \xff -x a_b a-b\nUser \"\x1b[2J\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		r := &sshConfigReader{dir: "/nonexistent", seen: map[string]bool{}}
		if strings.Contains(strings.ToLower(text), "include") {
			t.Skip("reads other files")
		}
		if err := r.parse("config", strings.NewReader(text), 0); err != nil {
			return
		}
		out := Render(r.hosts, "config")
		inv, faults := Parse("hosts.toml", out)
		if len(r.hosts) == 0 || len(inv.Hosts) > 0 {
			if len(faults) > 0 {
				t.Fatalf("%v\nin\n%s", faults, out)
			}
		}
	})
}

func TestWriteNew(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "a", "hosts.toml")
	if err := WriteNew(file, []byte("one"), false); err != nil {
		t.Fatal(err)
	}
	if err := WriteNew(file, []byte("two"), false); err == nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("an existing file was not refused: %v", err)
	}
	if err := WriteNew(file, []byte("three"), true); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil || string(got) != "three" {
		t.Errorf("%q, %v", got, err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), ".hosts-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestReadContext(t *testing.T) {
	t.Parallel()
	const (
		prod  = "6754af9632a2745e85c293e5aac0863370d9bd3330b9938c00cadfd215227d77" // sha256 of "prod"
		other = "0000000000000000000000000000000000000000000000000000000000000000"
	)
	dir := writeFiles(t, map[string]string{
		"contexts/meta/" + prod + "/meta.json":        `{"Name":"prod","Endpoints":{"docker":{"Host":"tcp://10.0.0.1:2376"}}}`,
		"contexts/tls/" + prod + "/docker/ca.pem":     "x",
		"contexts/tls/" + prod + "/docker/cert.pem":   "x",
		"contexts/tls/" + prod + "/docker/unrelated":  "x",
		"contexts/meta/" + other + "/meta.json":       `{"Name":"other","Endpoints":{"docker":{"Host":"x"}}}`,
		"contexts/meta/not-a-context/unrelated.jsonx": "x",
	})
	got, err := ReadContext(dir, "prod")
	tls := filepath.Join(dir, "contexts", "tls", prod, "docker")
	if diff := cmp.Diff(DockerContext{Name: "prod", Host: "tcp://10.0.0.1:2376", CA: filepath.Join(tls, "ca.pem"), Cert: filepath.Join(tls, "cert.pem")}, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if _, err := ReadContext(dir, "prod2"); err == nil || !strings.Contains(err.Error(), "known are other, prod") {
		t.Errorf("error %v, want the known contexts", err)
	}
	c, err := ReadContext(dir, "default")
	if err != nil || c.Host != "unix:///var/run/docker.sock" {
		t.Errorf("%+v, %v", c, err)
	}
	tests := map[string]struct{ text, host, err string }{
		"ssh":         {`{"Name":"p","Endpoints":{"docker":{"Host":"ssh://u@h:22"}}}`, "ssh://u@h:22", ""},
		"tcp":         {`{"Endpoints":{"docker":{"Host":"tcp://h:2376","SkipTLSVerify":true}}}`, "tcp://h:2376", ""},
		"npipe":       {`{"Endpoints":{"docker":{"Host":"npipe:////./pipe/docker"}}}`, "", "is none of"},
		"no endpoint": {`{"Endpoints":{}}`, "", "has no docker endpoint"},
		"no JSON":     {`{`, "", "unexpected end"},
	}
	for name, tc := range tests {
		c, err := parseContext([]byte(tc.text))
		if c.Host != tc.host || (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}

func FuzzContext(f *testing.F) {
	f.Add([]byte(`{"Endpoints":{"docker":{"Host":"ssh://u@h:22"}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := parseContext(data); err == nil && (c.Host == "" || config.BadByte(c.Host) >= 0) {
			t.Fatalf("%+v", c)
		}
	})
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := writeFiles(t, map[string]string{"midwatch/hosts.toml": "[hosts.a]\naddress = \"x\"\n", "bad.toml": "x = 1\n", "open.toml": ""})
	env := func(home string) func(string) string {
		return func(k string) string { return map[string]string{"XDG_CONFIG_HOME": home, "HOME": "/nonexistent"}[k] }
	}
	inv, err := Load("", env(dir))
	if err != nil || inv.Hosts[0].Name != "a" {
		t.Errorf("%+v, %v", inv, err)
	}
	if inv, err := Load("", env(t.TempDir())); err != nil || inv.File != "" {
		t.Errorf("no file: %+v, %v; want this machine", inv, err)
	}
	if inv, err := Load("", env("relative")); err != nil || inv.File != "" {
		t.Errorf("a relative XDG directory is ignored: %+v, %v", inv, err)
	}
	if _, err := Load(filepath.Join(dir, "none.toml"), env(dir)); err == nil {
		t.Error("a file that was asked for and is not there is no error")
	}
	if _, err := Load(filepath.Join(dir, "bad.toml"), env(dir)); err == nil || !strings.Contains(err.Error(), `bad.toml:1: unknown key "x"`) {
		t.Errorf("error %v", err)
	}
	if err := os.Chmod(filepath.Join(dir, "open.toml"), 0o666); err != nil { //nolint:gosec // on purpose
		t.Fatal(err)
	}
	if _, err := Load(filepath.Join(dir, "open.toml"), env(dir)); err == nil || !strings.Contains(err.Error(), "chmod go-w") {
		t.Errorf("error %v, want advice on the mode", err)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	inv := mustParse(t, "[groups.edge]\n[groups.empty]\n[hosts.web1]\naddress=\"x\"\ngroups=[\"edge\"]\n[hosts.db1]\naddress=\"y\"\n")
	for _, tc := range []struct {
		words []string
		want  []string
		err   string
	}{
		{nil, []string{"web1", "db1"}, ""},
		{[]string{"edge"}, []string{"web1"}, ""},
		{[]string{"db1", "edge", "db1"}, []string{"web1", "db1"}, ""},
		{[]string{"empty"}, nil, ""},
		{[]string{"wbe1"}, nil, `no host or group "wbe1", did you mean "web1"?`},
		{[]string{"nothing"}, nil, `no host or group "nothing", known are web1, db1, edge, empty`},
	} {
		got, err := inv.Names(tc.words...)
		if diff := cmp.Diff(tc.want, got); diff != "" || (err == nil) != (tc.err == "") || err != nil && err.Error() != tc.err {
			t.Errorf("%v: %v, %v %s", tc.words, got, err, diff)
		}
	}
}
