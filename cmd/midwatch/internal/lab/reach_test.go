//go:build lab

package lab

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// reach is what the tests read of "midwatch hosts test --json".
type reach struct {
	Name    string
	Skipped string
	Reached bool
	Reason  string
	Via     string
	Login   *struct {
		Method       string
		HostKeyState string `json:"host_key_state"`
	}
	User *struct {
		Name   string
		UID    int
		Groups []string
	}
	Sudo, Docker, Journal *struct {
		Works, Promised bool
		Detail, Needs   string
	}
}

// What is said of each login is what the same login can do by hand.
func TestHostsTest(t *testing.T) {
	l := Open(t)
	l.NeedEngine(t, "h1", "h3")
	login := func(name, host, user, more string) string {
		return fmt.Sprintf("[hosts.%s]\naddress = %q\nuser = %q\n%s\n", name, host, user, more)
	}
	p := l.Program(t, l.Inventory()+
		login("root", "h1", "root", "")+
		login("ops", "h1", "ops", "")+
		login("little", "h1", "ops", `sudo = "nopasswd"`)+
		login("password", "h1", "pw", fmt.Sprintf("sudo = \"password\"\nsudo_password = { file = %q }", l.Path("pw.password")))+
		login("nothing", "h1", "ro", `docker = { socket = "/var/run/docker.sock" }`)+
		login("dialled", "h3", "root", "")+
		login("behind", "inner", "root", "docker = false")+
		login("resting", "h2", "root", `maintenance = "new disks"`)+
		login("gone", "127.0.0.1", "root", "ssh_config = \"none\"\nport = 9\ntimeouts = { connect = \"3s\" }"))
	r := p.MustRun(t, 3, "hosts", "test", "--json")
	var list []reach
	if err := json.Unmarshal([]byte(r.Stdout), &list); err != nil {
		t.Fatal(err)
	}
	byName := map[string]reach{}
	for _, h := range list {
		byName[h.Name] = h
	}
	t.Log(p.MustRun(t, 3, "hosts", "test").Stdout)

	for name, want := range map[string]struct {
		host, user            string
		sudo, docker, journal bool
		says                  string // in one of the details
	}{
		"root":     {"h1", "root", true, true, true, "not needed"},
		"ops":      {"h1", "ops", false, true, true, `sudo = "none"`},
		"little":   {"h1", "ops", false, true, true, "sudo"}, // journalctl by sudo, and nothing else
		"password": {"h1", "pw", true, true, true, "password"},
		"nothing":  {"h1", "ro", false, false, false, "systemd-journal"},
		"dialled":  {"h3", "root", true, true, true, "dial-stdio"},
		"behind":   {"inner", "root", true, false, true, "not needed"},
	} {
		h := byName[name]
		if !h.Reached || h.Login == nil || h.User == nil || h.Sudo == nil || h.Journal == nil {
			t.Errorf("%s: %+v", name, h)
			continue
		}
		uid := strings.TrimSpace(l.Exec(t, want.host, "id", "-u", want.user))
		groups := strings.Fields(l.Exec(t, want.host, "id", "-Gn", want.user))
		slices.Sort(groups)
		slices.Sort(h.User.Groups) // a login orders them otherwise than the database
		if h.User.Name != want.user || fmt.Sprint(h.User.UID) != uid || !slices.Equal(h.User.Groups, groups) {
			t.Errorf("%s: user %+v, want %s, uid %s, groups %v", name, *h.User, want.user, uid, groups)
		}
		if !strings.Contains(h.Login.Method, "key") || h.Login.HostKeyState != "on record" {
			t.Errorf("%s: login %+v", name, *h.Login)
		}
		said := h.Sudo.Detail + h.Journal.Detail + h.Journal.Needs
		docker := false
		if h.Docker != nil {
			docker, said = h.Docker.Works, said+h.Docker.Detail
		}
		if h.Sudo.Works != want.sudo || docker != want.docker || h.Journal.Works != want.journal || !strings.Contains(said, want.says) {
			t.Errorf("%s: sudo %+v docker %+v journal %+v, want %+v", name, h.Sudo, h.Docker, h.Journal, want)
		}
	}
	if h := byName["behind"]; !strings.Contains(h.Via, "via") {
		t.Errorf("behind: reached by %q, want its jump host named", h.Via)
	}
	if h := byName["resting"]; h.Skipped != "new disks" || h.Reached {
		t.Errorf("resting: %+v", h)
	}
	if h := byName["gone"]; h.Reached || !strings.Contains(h.Reason, "refused") {
		t.Errorf("gone: %+v", h)
	}
	p.MustRun(t, 1, "hosts", "test", "little")   // what it promises does not work
	p.MustRun(t, 0, "hosts", "test", "password") // all of it does
}
