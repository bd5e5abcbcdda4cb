package transport

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseSettings(t *testing.T) {
	t.Parallel()
	s, err := ParseSettings([]byte(`host web
user ops
hostname 10.0.0.1
port 2222
identitiesonly yes
identityfile ~/.ssh/%h_key
identityfile /tmp/a b/key
certificatefile ~/.ssh/c-cert.pub
userknownhostsfile /root/.ssh/kh /tmp/a b/kh2
globalknownhostsfile /etc/ssh/ssh_known_hosts
hostkeyalgorithms ssh-ed25519,rsa-sha2-512
hostkeyalias webalias
hashknownhosts yes
proxyjump jump1,u@jump2:33
proxycommand none
connecttimeout 5
passwordauthentication no
pubkeyauthentication true
stricthostkeychecking false
identityagent /run/agent
revokedhostkeys none
unknownkeyword whatever
`))
	if err != nil {
		t.Fatal(err)
	}
	want := Settings{
		Alias: "web", HostName: "10.0.0.1", Port: 2222, User: "ops", HostKeyAlias: "webalias", ProxyJump: "jump1,u@jump2:33",
		AddressFamily: "any", IdentityFiles: []string{"~/.ssh/%h_key", "/tmp/a b/key"}, CertificateFiles: []string{"~/.ssh/c-cert.pub"},
		IdentitiesOnly: true, IdentityAgent: "/run/agent", UserKnownHosts: []string{"/root/.ssh/kh", "/tmp/a b/kh2"},
		GlobalKnownHosts: []string{"/etc/ssh/ssh_known_hosts"}, HashKnownHosts: true,
		HostKeyAlgos: []string{"ssh-ed25519", "rsa-sha2-512"}, ConnectTimeout: 5 * time.Second, NoPassword: true,
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got  %+v\nwant %+v", s, want)
	}
	for name, text := range map[string]string{"empty": "", "bad port": "hostname x\nport 99999\n", "no host": "port 22\n"} {
		if _, err := ParseSettings([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzParseSettings(f *testing.F) {
	f.Add([]byte("hostname a\nport 22\nuserknownhostsfile /a b /c\nidentityfile \"x y\"\nproxyjump none"))
	f.Add([]byte("hostname [::1]\nconnecttimeout none\nport"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseSettings(b)
		if err == nil && (s.HostName == "" || s.Port < 1 || s.Port > 65535) {
			t.Fatalf("accepted %+v", s)
		}
	})
}

func TestTokens(t *testing.T) {
	t.Parallel()
	tk := tokens{
		home: "/home/a", localUser: "a", localHost: "desk.lan", host: "10.0.0.1", alias: "web", user: "ops", port: 2222, uid: 7,
		getenv: func(n string) string { return map[string]string{"DIR": "/x"}[n] },
	}
	for in, want := range map[string]string{
		"~/.ssh/%h": "/home/a/.ssh/10.0.0.1", "~": "/home/a", "~other/x": "~other/x", "${DIR}/k": "/x/k",
		"%% %d %i %k %L %l %n %p %r %u": "% /home/a 7 10.0.0.1 desk desk.lan web 2222 ops a",
		// printf 'desk.lan10.0.0.12222ops' | sha1sum
		"%C": "492f5c3609c0b411f5d3727e28ea1c3cceedb991",
	} {
		got, err := tk.path(in)
		if err != nil || got != want {
			t.Errorf("path(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"%", "%z", "${NONE}", "${open"} {
		if got, err := tk.path(in); err == nil {
			t.Errorf("path(%q) = %q, want an error", in, got)
		}
	}
}

func FuzzTokens(f *testing.F) {
	f.Add("~/%h/${A}/%%")
	tk := tokens{home: "/h", getenv: func(string) string { return "v" }}
	f.Fuzz(func(_ *testing.T, s string) { _, _ = tk.path(s) })
}

// sshConfig writes a configuration and skips without an ssh program.
func sshConfig(t *testing.T, text string) string {
	t.Helper()
	if _, err := exec.LookPath("ssh"); err != nil {
		t.Skip("no ssh on this machine")
	}
	return write(t, "config", text)
}

func TestResolveAsksSSH(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "more"), []byte("Host web\n  Port 2222\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	conf := sshConfig(t, "Include "+filepath.Join(dir, "more")+`
Match host web user deploy
  IdentityFile /keys/deploy
Host web
  HostName 10.0.0.1
  User ops
  ProxyCommand nc -x "a b" %h %p
  UserKnownHostsFile ~/.ssh/%n_hosts
Host jumped
  ProxyJump first,admin@second:2200
Host first
  HostName 10.9.0.1
  ProxyJump zero
Host zero
  HostName 10.8.0.1
Host loop
  ProxyJump loop
`)
	p := newFarm(t).params()
	s, err := resolve(t.Context(), Target{Name: "web", Alias: "web", SSHConfig: conf}, p)
	if err != nil {
		t.Fatal(err)
	}
	if s.HostName != "10.0.0.1" || s.Port != 2222 || s.User != "ops" || s.ProxyCommand != `nc -x "a b" 10.0.0.1 2222` {
		t.Errorf("web: %+v", s)
	}
	if !strings.HasSuffix(s.UserKnownHosts[0], "/.ssh/web_hosts") {
		t.Errorf("known hosts: %q", s.UserKnownHosts)
	}
	s, err = resolve(t.Context(), Target{
		Name: "web", Alias: "web", Address: "192.0.2.1", Port: 22, User: "deploy", SSHConfig: conf, Jump: "none", KnownHostsFiles: []string{"/k"},
	}, p)
	if err != nil || s.HostName != "192.0.2.1" || s.Port != 22 || s.ProxyCommand != "" || s.IdentityFiles[0] != "/keys/deploy" || s.UserKnownHosts[0] != "/k" {
		t.Errorf("overridden: %+v, %v", s, err)
	}
	hops, err := route(t.Context(), Target{Name: "j", Alias: "jumped", SSHConfig: conf}, p)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, h := range hops {
		names = append(names, h.address())
	}
	if got := strings.Join(names, " "); got != "10.8.0.1:22 10.9.0.1:22 second:2200 jumped:22" {
		t.Errorf("route: %s", got)
	}
	if hops[2].User != "admin" {
		t.Errorf("user at the second jump host: %q", hops[2].User)
	}
	if _, err := route(t.Context(), Target{Name: "l", Alias: "loop", SSHConfig: conf}, p); err == nil {
		t.Error("a host that jumps through itself was resolved")
	}
}

func TestResolveFaults(t *testing.T) {
	t.Parallel()
	p := newFarm(t).params()
	bad := sshConfig(t, "Host x\n  Nonsense yes\n")
	_, err := resolve(t.Context(), Target{Name: "x", Alias: "x", SSHConfig: bad}, p)
	if err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a broken configuration: %v, want ssh's own line", err)
	}
	for _, tg := range []Target{{Name: "none"}, {Name: "dash", Alias: "-oProxyCommand=touch /tmp/x"}, {Name: "missing", Alias: "x", SSHConfig: "/no/such"}} {
		if s, err := resolve(t.Context(), tg, p); err == nil {
			t.Errorf("%s: %+v", tg.Name, s)
		}
	}
}

func TestResolveWithoutConfiguration(t *testing.T) {
	t.Parallel()
	p := newFarm(t).params()
	s, err := resolve(t.Context(), Target{Name: "x", Address: "10.0.0.1", SSHConfig: noConfig}, p)
	if err != nil || s.Port != 22 || s.User == "" || s.UserKnownHosts[0] != p.Home+"/.ssh/known_hosts" || s.ConnectTimeout <= 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestParseJump(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Target{
		"a": {Alias: "a"}, "u@a": {Alias: "a", User: "u"}, "u@a:33": {Alias: "a", User: "u", Port: 33},
		"[::1]:33": {Alias: "::1", Port: 33}, "ssh://u@a:33": {Alias: "a", User: "u", Port: 33}, "u@dom@a": {Alias: "a", User: "u@dom"},
	} {
		got, err := parseJump(in, Target{})
		if err != nil || got.Alias != want.Alias || got.User != want.User || got.Port != want.Port {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "u@", "a:0", "a:99999", "a:x", "ssh://%zz"} {
		if got, err := parseJump(in, Target{}); err == nil {
			t.Errorf("%q: %+v", in, got)
		}
	}
}

func FuzzParseJump(f *testing.F) {
	f.Add("u@[::1]:22")
	f.Add("ssh://u@h:1")
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := parseJump(s, Target{}); err == nil && got.Alias == "" {
			t.Fatalf("%q: no host", s)
		}
	})
}
