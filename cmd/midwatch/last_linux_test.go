package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/capture"
	"midwatch/hosts/inventory"
)

// closedPort is a port of the loopback on which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// keep writes what a console would have kept an hour ago of the host web.
func keep(t *testing.T, home, inventory, address string) string {
	t.Helper()
	path := filepath.Join(home, "state", "midwatch", lastName(inventory))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	then := time.Now().Add(-time.Hour)
	c := &capture.Capture{
		At: then, Hosts: []hosts.Host{{Name: "web", Address: address, Kind: hosts.KindSSH}},
		Evidence: []hosts.Evidence{{Host: "web", Collector: "system", Source: "cat /proc/meminfo", At: then, Data: []byte(
			"/proc/uptime:100.00 1.0\n/proc/loadavg:0.50 0.40 0.30 1/100 42\n/proc/meminfo:MemTotal:        1000 kB\n/proc/meminfo:MemAvailable:     270 kB\n",
		)}},
	}
	if err := capture.Save(path, c, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLastKnownStateIsShownStale(t *testing.T) {
	t.Parallel()
	const memory = "~73%"
	for name, c := range map[string]struct {
		args    []string
		address string
		shown   bool
	}{
		"a host that does not answer": {nil, "127.0.0.1", true},
		"of another machine":          {nil, "10.9.9.9", false},
		"not wanted":                  {[]string{"--no-last"}, "127.0.0.1", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, _ := sshInventory(t, closedPort(t))
			home := t.TempDir()
			path := keep(t, home, file, c.address)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			x := startTerminalAt(t, home, append(c.args, "--config", file)...)
			if c.shown {
				x.waitFor(memory)
			}
			x.waitFor("dial 127")
			x.send("q")
			if code := x.exit(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if !c.shown && strings.Contains(x.text(), memory) {
				t.Errorf("it is shown: %q", x.text())
			}
			after, err := os.ReadFile(path)
			if err != nil || string(after) != string(before) {
				t.Errorf("nothing was learned, and it was written again (%v)", err)
			}
		})
	}
}

func TestWhatIsNoLastStateIsNoted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		// One word or two that no line break comes between, however long the path is.
		"damaged":        {"not zstd", 0o600, "invalid"},
		"open to others": {"", 0o644, "to others"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, _ := sshInventory(t, closedPort(t))
			home := t.TempDir()
			path := keep(t, home, file, "127.0.0.1")
			if c.text != "" {
				if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			x := startTerminalAt(t, home, "--config", file)
			x.waitFor("the last known state is not shown")
			x.send("M")
			x.waitFor(c.want)
			x.send("\x1bq")
			x.send("\x03")
			if code := x.exit(); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

// What this machine said is kept for the next start, for its owner only.
func TestLastStateIsKept(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	path := filepath.Join(home, "state", "midwatch", lastName(""))
	x := startTerminalAt(t, home)
	x.waitFor("%") // memory in use: the first answer
	x.send("q")
	if code := x.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("kept: %v, %v", info, err)
	}
	c, err := readLast(path)
	if err != nil || len(c.Hosts) != 1 || !c.Snapshot().Hosts[0].System.Known() {
		t.Errorf("kept %+v, %v", c, err)
	}
	y := startTerminalAt(t, home)
	y.waitFor("%")
	y.send("q")
	if code := y.exit(); code != 0 {
		t.Errorf("exit code %d at the second start", code)
	}
}

func TestOfTheDemoAndOfCapturesNothingIsKept(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	env := func(name string) string { return map[string]string{"XDG_STATE_HOME": home}[name] }
	for name, change := range map[string]func(*app){
		"demo": func(a *app) { a.demoNow = &demoFleet{} }, "capture": func(a *app) { a.flags.from = "x.mwc" }, "not wanted": func(a *app) { a.flags.noLast = true },
	} {
		a := newApp(nil, nil, nil, env)
		change(a)
		if m := a.remember(&inventory.Inventory{}); m != nil {
			t.Errorf("%s: kept in %s", name, m.path)
		}
	}
	if m := newApp(nil, nil, nil, env).remember(&inventory.Inventory{}); m == nil || filepath.Dir(m.path) != filepath.Join(home, "midwatch") {
		t.Errorf("of an inventory: %+v", m)
	}
}
