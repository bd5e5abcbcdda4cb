package collect

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"midwatch/hosts"
)

// shown fails when text that may reach a screen holds control characters.
func shown(t *testing.T, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) }) {
			t.Errorf("%q can reach a screen", s)
		}
	}
}

func FuzzParseSystem(f *testing.F) {
	f.Add(sample(f, "debian12", "system"), sample(f, "debian12", "identity"))
	f.Add([]byte("/proc/loadavg:1e308 Inf -0\nmidwatch-clock:1 2"), []byte("arch:\nuid:-1\ncpus:99999999999\n/etc/os-release:PRETTY_NAME=\""))
	f.Fuzz(func(t *testing.T, system, identity []byte) {
		var s hosts.System
		_ = ParseSystem(system, &s)
		_ = ParseIdentity(identity, &s)
		shown(t, s.Hostname, s.OS, s.Kernel, s.Arch, s.MachineID, s.User, s.Systemd, s.Virt)
		shown(t, s.UserGroups...)
		for _, l := range s.Load {
			if !(l >= 0 && l < 1e6) {
				t.Errorf("load %v", l)
			}
		}
		if p := s.Pressure; !(p.CPU >= 0 && p.CPU <= 100 && p.IO >= 0 && p.IO <= 100 && p.Memory >= 0 && p.Memory <= 100) {
			t.Errorf("pressure %+v", p)
		}
		if s.Uptime < 0 || s.CPUs < 0 || s.UID < 0 {
			t.Errorf("negative: %+v", s)
		}
	})
}

func FuzzParseDisks(f *testing.F) {
	f.Add(sample(f, "debian12", "disks"))
	f.Add(sample(f, "busybox", "disks"))
	f.Add([]byte("mw-silent 137 nfs a:/b /c\\040d\nFilesystem Type 1024-blocks x\na b 1152921504606846976 2 3 1% /\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, d := range ParseDisks(data) {
			shown(t, d.Device, d.Mount, d.FSType, d.Problem)
			if d.Problem == "" && !strings.HasPrefix(d.Mount, "/") {
				t.Errorf("mount %q", d.Mount)
			}
			_, _ = d.UsedPercent(), d.InodePercent()
		}
	})
}

func FuzzParseUnits(f *testing.F) {
	f.Add(sample(f, "debian12", "units"), sample(f, "debian12", "unitstates"))
	f.Add([]byte("Id=\n\nId=a\nNRestarts=-1\nMainPID=99999999999999999999\nStateChangeTimestamp=Sun 2026-13-45 99:99:99 CET"), []byte("● a.b x y z\n\xff.c 1 2 3"))
	f.Fuzz(func(t *testing.T, show, list []byte) {
		var h hosts.HostFacts
		Apply(&h, hosts.Evidence{Collector: "unitstates", Data: list, At: time.Unix(1, 0)})
		Apply(&h, hosts.Evidence{Collector: "units", Data: show, At: time.Unix(2, 0)})
		last := ""
		for _, u := range h.Units.Value {
			shown(t, u.Name, u.Description, u.Load, u.Active, u.Sub, u.Result, u.Enabled, u.Fragment, u.InvocationID)
			if u.Name <= last {
				t.Errorf("%q after %q", u.Name, last)
			}
			if u.MainPID < 0 || u.Restarts < 0 {
				t.Errorf("negative: %+v", u)
			}
			last = u.Name
		}
		if h.System.Value.FailedUnits > len(h.Units.Value) {
			t.Error("more failed units than units")
		}
	})
}
