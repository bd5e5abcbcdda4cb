package collect

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"midwatch/hosts"
)

// sample reads what a section printed on a real host: debian12 is systemd 252 in a container,
// busybox is the same machine with busybox's tools and nothing else.
func sample(t testing.TB, host, id string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", host, id+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestParseSystem(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"debian12", "busybox"} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			var s hosts.System
			if err := ParseSystem(append(sample(t, host, "system"), clockLine(Clock{Offset: -time.Second, Error: time.Millisecond})...), &s); err != nil {
				t.Fatal(err)
			}
			if err := ParseIdentity(sample(t, host, "identity"), &s); err != nil {
				t.Fatal(err)
			}
			want := hosts.System{
				Hostname: "fleet-dev", OS: "Debian GNU/Linux 12 (bookworm)", Kernel: "6.1.0-31-amd64", Arch: "x86_64",
				MachineID: "cdf4496887bc4c788bd8dfdd1872fcb7", CPUs: 2,
				MemTotal: 24683656 << 10, MemAvailable: 23747576 << 10,
				Uptime: 2078800 * time.Millisecond, Load: [3]float64{6.30, 5.81, 4.29},
				Pressure:    hosts.Pressure{CPU: 52.67, IO: 1.59, Known: true},
				ClockOffset: -time.Second, ClockError: time.Millisecond,
				User: "root", UserGroups: []string{"root"}, Systemd: "252", Virt: "docker",
			}
			if host == "busybox" {
				want.Systemd, want.Virt = "", ""
				want.Uptime, want.Load = 2088460*time.Millisecond, [3]float64{6.41, 5.85, 4.32}
				want.MemAvailable, want.Pressure.CPU, want.Pressure.IO = s.MemAvailable, 71, s.Pressure.IO
			}
			if diff := cmp.Diff(want, s); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseSystemToleratesGaps(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, data string
		bad        bool
	}{
		{"nothing", "", true},
		{"no load", "/proc/uptime:5.0 1.0\n", true},
		{"load only", "/proc/loadavg:1 2 3 1/1 1\n", false},
		{"short load", "/proc/loadavg:1 2\n", true},
		{"load is not a number", "/proc/loadavg:NaN 1 1 1/1 1\n", true},
		{"negative load", "/proc/loadavg:-1 1 1 1/1 1\n", true},
		{"odd lines", "x\n:\n/proc/meminfo:\n/proc/meminfo:MemTotal\n/proc/meminfo:MemTotal: x kB\n/proc/pressure/cpu:some\n/proc/loadavg:1 2 3\n", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var s hosts.System
			if err := ParseSystem([]byte(c.data), &s); (err != nil) != c.bad {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestParseDisks(t *testing.T) {
	t.Parallel()
	const gib = 1 << 30
	cases := []struct {
		name, data string
		want       []hosts.Disk
	}{
		{"blanks in device and mount", `Filesystem Type 1-blocks Used Available Capacity Mounted on
//nas/my share cifs 1000 900 100 90% /mnt/my share
Filesystem Inodes IUsed IFree IUse% Mounted on
//nas/my share 50 5 45 10% /mnt/my share
`, []hosts.Disk{{Device: "//nas/my share", FSType: "cifs", Mount: "/mnt/my share", Size: 1000, Used: 900, Avail: 100, Inodes: 50, InodesUsed: 5}}},
		{
			"kilobytes", "Filesystem Type 1024-blocks Used Available Capacity Mounted on\n/dev/sda1 ext4 1048576 524288 524288 50% /\n",
			[]hosts.Disk{{Device: "/dev/sda1", FSType: "ext4", Mount: "/", Size: gib, Used: gib / 2, Avail: gib / 2}},
		},
		{
			"no inodes", "Filesystem Type 1-blocks Used Available Capacity Mounted on\n/dev/sda1 btrfs 10 5 5 50% /\nFilesystem Inodes IUsed IFree IUse% Mounted on\n/dev/sda1 0 0 0 - /\n",
			[]hosts.Disk{{Device: "/dev/sda1", FSType: "btrfs", Mount: "/", Size: 10, Used: 5, Avail: 5}},
		},
		{
			"reserved blocks eaten", "Filesystem Type 1-blocks Used Available Capacity Mounted on\n/dev/sda1 ext4 100 99 -4 105% /\n",
			[]hosts.Disk{{Device: "/dev/sda1", FSType: "ext4", Mount: "/", Size: 100, Used: 99}},
		},
		{"images and layers are left out", `Filesystem Type 1-blocks Used Available Capacity Mounted on
/dev/loop0 squashfs 100 100 0 100% /snap/core/1
overlay overlay 100 50 50 50% /var/lib/docker/overlay2/abc/merged
udev devtmpfs 100 0 100 0% /dev
proc proc 0 0 0 - /proc
tmpfs tmpfs 100 91 9 91% /run
`, []hosts.Disk{{Device: "tmpfs", FSType: "tmpfs", Mount: "/run", Size: 100, Used: 91, Avail: 9}}},
		{
			"mounted over", "Filesystem Type 1-blocks Used Available Capacity Mounted on\n/dev/a ext4 10 1 9 10% /x\n/dev/b ext4 20 2 18 10% /x\n",
			[]hosts.Disk{{Device: "/dev/b", FSType: "ext4", Mount: "/x", Size: 20, Used: 2, Avail: 18}},
		},
		{
			"silent", "mw-silent 137 nfs4 10.0.0.9:/export /mnt/my\\040files\nmw-silent 127 cifs //nas/x /x\nmw-silent 1 nfs a:/ /y\nmw-silent 1\n",
			[]hosts.Disk{
				{Device: "10.0.0.9:/export", FSType: "nfs4", Mount: "/mnt/my files", Problem: "no answer within 2s: its server may be gone"},
				{Device: "//nas/x", FSType: "cifs", Mount: "/x", Problem: "not asked: this host has no timeout command"},
				{Device: "a:/", FSType: "nfs", Mount: "/y", Problem: "df gave no answer (exit 1)"},
			},
		},
		{"nonsense", "Filesystem\nx\nFilesystem Type 1-blocks Used Available Capacity Mounted on\n1 2 3 4 5% relative\n%\n- - - - - -\n", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, ParseDisks([]byte(c.data))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseDisksOfRealHosts(t *testing.T) {
	t.Parallel()
	gnu, bb := ParseDisks(sample(t, "debian12", "disks")), ParseDisks(sample(t, "busybox", "disks"))
	if len(gnu) != 8 || len(bb) != 10 {
		t.Fatalf("%d and %d file systems", len(gnu), len(bb))
	}
	root := hosts.Disk{
		Device: "fuse-overlayfs", FSType: "fuse.fuse-overlayfs", Mount: "/",
		Size: 270553174016, Used: 16879747072, Avail: 80913547264, Inodes: 16777216, InodesUsed: 526878,
	}
	if diff := cmp.Diff(root, gnu[0]); diff != "" {
		t.Error(diff)
	}
	if bb[0].Mount != "/" || bb[0].Size != root.Size || bb[0].Inodes != root.Inodes {
		t.Errorf("busybox: %+v", bb[0])
	}
	if p := gnu[0].UsedPercent(); p != 18 {
		t.Errorf("df says 18%%, we %d%%", p)
	}
}

// Local and network file systems come from two sections and make one list.
func TestDisksOfTwoSections(t *testing.T) {
	t.Parallel()
	at := time.Unix(1000, 0)
	local := hosts.Evidence{Collector: "disks", At: at, Data: []byte("Filesystem Type 1-blocks Used Available Capacity Mounted on\n/dev/a ext4 10 1 9 10% /\n")}
	far := hosts.Evidence{Collector: "netdisks", At: at.Add(time.Second), Data: []byte("mw-silent 137 nfs4 n:/e /e\nFilesystem Type 1024-blocks Used Available Capacity Mounted on\nn:/f nfs4 10 1 9 10% /f\n")}
	var f hosts.HostFacts
	mounts := func() (out []string) {
		for _, d := range f.Disks.Value {
			out = append(out, d.Mount)
		}
		return out
	}
	for i, step := range []struct {
		ev   hosts.Evidence
		want []string
	}{
		{local, []string{"/"}},
		{far, []string{"/", "/e", "/f"}},
		{local, []string{"/", "/e", "/f"}},
		{hosts.Evidence{Collector: "netdisks", At: at, Data: []byte("\n")}, []string{"/"}},
	} {
		Apply(&f, step.ev)
		if diff := cmp.Diff(step.want, mounts()); diff != "" {
			t.Errorf("step %d: %s", i, diff)
		}
		if f.Disks.Standing() != hosts.Fresh || !f.Disks.At.Equal(at) {
			t.Errorf("step %d: %v, read at %v", i, f.Disks.Standing(), f.Disks.At)
		}
	}
}

func TestParseUnits(t *testing.T) {
	t.Parallel()
	units := ParseUnits(sample(t, "debian12", "units"))
	if len(units) != 128 {
		t.Errorf("%d units", len(units))
	}
	byName := map[string]hosts.Unit{}
	for _, u := range units {
		byName[u.Name] = u
	}
	broken := byName["broken.service"]
	if broken.Active != "failed" || broken.Result != "exit-code" || broken.ExitCode != "exited" || broken.ExitStatus != 1 ||
		broken.Since.IsZero() || broken.Since.Location() != time.UTC {
		t.Errorf("broken: %+v", broken)
	}
	if storm := byName["storm.service"]; storm.Restarts == 0 {
		t.Errorf("storm: %+v", storm)
	}
	w := byName["worker@1.service"]
	if w.MainPID == 0 || w.Memory == 0 || w.Fragment != "/etc/systemd/system/worker@.service" || w.InvocationID == "" || w.Description != "Worker 1" {
		t.Errorf("worker: %+v", w)
	}
}

func TestUnitsFromTwoSections(t *testing.T) {
	t.Parallel()
	at := time.Unix(1000, 0)
	var f hosts.HostFacts
	apply := func(id, data string) {
		at = at.Add(time.Second)
		Apply(&f, hosts.Evidence{Collector: id, At: at, Data: []byte(data)})
	}
	apply("unitstates", string(sample(t, "debian12", "unitstates")))
	if n := f.System.Value.FailedUnits; n != 2 {
		t.Errorf("%d failed, systemctl --failed says 2", n)
	}
	before := len(f.Units.Value)
	apply("units", string(sample(t, "debian12", "units")))
	if len(f.Units.Value) != before {
		t.Errorf("%d units in list-units, %d in show", before, len(f.Units.Value))
	}
	old := f.Units.Value
	apply("unitstates", "web.service loaded failed failed The web\ndb.service loaded active running DB\nmnt-x.mount loaded failed failed /mnt/x\nhome.mount loaded active mounted /home\n")
	if len(f.Units.Value) != 3 || f.System.Value.FailedUnits != 2 {
		t.Errorf("%d units, %d failed", len(f.Units.Value), f.System.Value.FailedUnits)
	}
	apply("units", "Id=db.service\nActiveState=active\nSubState=running\nNRestarts=3\nMainPID=7\n\nId=web.service\nActiveState=active\nSubState=running\nNRestarts=1\n")
	if len(f.Units.Value) != 3 || f.Units.Value[1].Name != "mnt-x.mount" {
		t.Errorf("the failed mount is gone: %v", f.Units.Value)
	}
	apply("unitstates", "web.service loaded active running The web\ndb.service loaded failed failed DB\n")
	if db := f.Units.Value[0]; db.Restarts != 3 || db.MainPID != 0 || db.Active != "failed" {
		t.Errorf("db after a change: %+v", db)
	}
	if len(old) != before || old[0].Name == f.Units.Value[0].Name {
		t.Error("an older list changed")
	}
	apply("unitstates", "")
	if f.Units.Standing() != hosts.Stale || len(f.Units.Value) != 2 {
		t.Errorf("after nothing: %v", f.Units.Standing())
	}
	apply("units", "mw-absent systemd is not running here\n")
	if f.Units.Standing() != hosts.Fresh || len(f.Units.Value) != 0 || f.Units.Needs == "" || f.System.Value.FailedUnits != 0 {
		t.Errorf("without systemd: %+v", f.Units)
	}
}

// The same answer again makes facts younger, but not when another section changed them meanwhile.
func TestTouch(t *testing.T) {
	t.Parallel()
	s, _ := ByID("unitstates")
	var f hosts.HostFacts
	states := hosts.Evidence{Collector: "unitstates", Source: s.Source, At: time.Unix(1, 0), Data: []byte("a.service loaded active running A\n")}
	if s.Touch(&f, time.Unix(2, 0)) {
		t.Error("nothing was made younger")
	}
	Apply(&f, states)
	if !s.Touch(&f, time.Unix(2, 0)) || !f.Units.At.Equal(time.Unix(2, 0)) {
		t.Errorf("read at %v", f.Units.At)
	}
	Apply(&f, hosts.Evidence{Collector: "units", Source: "systemctl show", At: time.Unix(3, 0), Data: []byte("Id=a.service\nActiveState=failed\n")})
	if s.Touch(&f, time.Unix(4, 0)) {
		t.Error("what another section said was made younger")
	}
}

func TestFailedEvidenceKeepsTheValue(t *testing.T) {
	t.Parallel()
	for _, s := range All() {
		t.Run(s.ID, func(t *testing.T) {
			t.Parallel()
			f := hosts.HostFacts{}
			f.System = hosts.Read(hosts.System{MemTotal: 1}, "x", time.Unix(1, 0))
			f.Disks = hosts.Read([]hosts.Disk{{Mount: "/"}}, "x", time.Unix(1, 0))
			f.Units = hosts.Read([]hosts.Unit{{Name: "a.service"}}, "x", time.Unix(1, 0))
			if !Apply(&f, hosts.Evidence{Collector: s.ID, At: time.Unix(2, 0), Error: "no answer\x1b[2J", Needs: "luck"}) {
				t.Fatal("not applied")
			}
			if f.System.Value.MemTotal != 1 || len(f.Disks.Value) != 1 || len(f.Units.Value) != 1 || !f.Latest.IsZero() {
				t.Errorf("a failure changed values: %+v", f)
			}
		})
	}
	if Apply(&hosts.HostFacts{}, hosts.Evidence{Collector: "docker.images"}) {
		t.Error("evidence of others was applied")
	}
}

func TestRegistry(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range All() {
		if seen[s.ID] || s.ID == "" || s.Title == "" || s.Source == "" || (s.Script == "" && s.Make == nil) || s.Every == 0 || s.Fill == nil || s.Fail == nil {
			t.Errorf("section %q is double or incomplete", s.ID)
		}
		seen[s.ID] = true
		if s.Root == RootNeeded && s.Needs == "" {
			t.Errorf("section %q needs root and does not say so", s.ID)
		}
	}
}
