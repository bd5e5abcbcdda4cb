package worlds

import (
	"embed"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"path"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts/demo/sim"
	"midwatch/hosts/demo/vfs"
)

//go:embed data
var data embed.FS

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
	day = 24 * time.Hour
)

func bookworm() sim.OS {
	return sim.OS{ID: "debian", Version: "12", Codename: "bookworm", Pretty: "Debian GNU/Linux 12 (bookworm)"}
}

func noble() sim.OS {
	return sim.OS{ID: "ubuntu", Version: "24.04", Codename: "noble", Pretty: "Ubuntu 24.04.1 LTS"}
}

// machine is a host with what every one has: a kernel, a root disk, an account for the operator.
func machine(p *Plan, hd Head, os sim.OS, cpus int, mem uint64) sim.HostSpec {
	systemd, kernel := 252, "6.1.0-26-amd64"
	if os.ID == "ubuntu" {
		systemd, kernel = 255, "6.8.0-45-generic"
	}
	user := sim.User{Name: hd.User, UID: 1000, Groups: []string{hd.User, "adm", "sudo"}, Home: "/home/" + hd.User, Sudo: sim.SudoNoPasswd}
	if hd.User == "root" {
		user = sim.User{Name: "root", Groups: []string{"root"}, Home: "/root"}
	}
	return sim.HostSpec{
		Name: p.Name(hd.Name), Addr: p.Addr(hd.Addr), Port: hd.Port, OS: os, Kernel: kernel, Arch: "x86_64", Virt: "kvm", CPUs: cpus, Mem: mem, Swap: 2 * gib,
		Systemd: systemd, Load: 0.4, LoadSwing: 0.3, MemUsed: 0.45,
		Disks: []sim.DiskSpec{
			{Device: "/dev/sda1", Mount: "/", Type: "ext4", Options: "rw,relatime,errors=remount-ro", Size: 80 * gib, Used: 31 * gib, Inodes: 5242880, InodesUsed: 412331, Growth: 900},
			{Device: "tmpfs", Mount: "/run", Type: "tmpfs", Options: "rw,nosuid,nodev,size=803272k,mode=755", Size: 803272 * kib, Used: 1844 * kib, Inodes: 1004088, InodesUsed: 912},
			{Device: "/dev/sda15", Mount: "/boot/efi", Type: "vfat", Options: "rw,relatime", Size: 127729664, Used: 12 * mib},
		},
		Users: []sim.User{user},
	}
}

// docker puts an engine on a machine and its user into the group.
func docker(sp *sim.HostSpec) {
	sp.Engine = &sim.EngineSpec{Version: "27.3.1", API: "1.47", MinAPI: "1.24", Compose: "2.29.7"}
	sp.Users[0].Groups = append(sp.Users[0].Groups, "docker")
}

// base adds the units of a distribution.
func base(h *sim.Host) {
	unit := func(name, desc string, exec string, mem float64, listen ...sim.Listener) {
		h.AddUnit(sim.UnitSpec{
			Name: name, Description: desc, Vendor: true, Exec: strings.Fields(exec), Restart: "on-failure", Mem: mem, CPU: 0.2, Kind: "notify", Reload: "signal", Listen: listen, Enabled: "enabled",
		})
	}
	port := h.Spec.Port
	if port == 0 {
		port = 22
	}
	unit("ssh.service", "OpenBSD Secure Shell server", "/usr/sbin/sshd -D", 8*mib,
		sim.Listener{Proto: "tcp", IP: "0.0.0.0", Port: port, Process: "sshd"}, sim.Listener{Proto: "tcp", IP: "::", Port: port, Process: "sshd"})
	unit("systemd-journald.service", "Journal Service", "/lib/systemd/systemd-journald", 42*mib)
	unit("systemd-logind.service", "User Login Management", "/lib/systemd/systemd-logind", 6*mib)
	unit("systemd-resolved.service", "Network Name Resolution", "/lib/systemd/systemd-resolved", 9*mib,
		sim.Listener{Proto: "udp", IP: "127.0.0.53", Port: 53, Process: "systemd-resolve"}, sim.Listener{Proto: "tcp", IP: "127.0.0.53", Port: 53, Process: "systemd-resolve"})
	unit("chrony.service", "chrony, an NTP client/server", "/usr/sbin/chronyd -F 1", 3*mib, sim.Listener{Proto: "udp", IP: "127.0.0.1", Port: 323, Process: "chronyd"})
	unit("cron.service", "Regular background program processing daemon", "/usr/sbin/cron -f", 2*mib)
	unit("dbus.service", "D-Bus System Message Bus", "/usr/bin/dbus-daemon --system", 4*mib)
	h.AddUnit(sim.UnitSpec{Name: "unattended-upgrades.service", Description: "Unattended Upgrades Shutdown", Vendor: true, Exec: []string{"/usr/bin/python3", "/usr/share/unattended-upgrades/unattended-upgrade-shutdown"}, Mem: 12 * mib, Enabled: "enabled"})
	h.AddUnit(sim.UnitSpec{Name: "apt-daily.timer", Description: "Daily apt download activities", Vendor: true, Trigger: "apt-daily.service", Next: 5*time.Hour + 12*time.Minute})
	h.AddUnit(sim.UnitSpec{Name: "logrotate.timer", Description: "Daily rotation of log files", Vendor: true, Trigger: "logrotate.service", Next: 9 * time.Hour})
	h.AddUnit(sim.UnitSpec{Name: "apt-daily.service", Description: "Daily apt download activities", Vendor: true, Kind: "oneshot", Off: true, Enabled: "static"})
	h.AddUnit(sim.UnitSpec{Name: "dbus.socket", Description: "D-Bus System Message Bus Socket", Vendor: true, Listen: []sim.Listener{{Proto: "unix", Path: "/run/dbus/system_bus_socket", Process: "dbus-daemon"}}})
	h.AddUnit(sim.UnitSpec{Name: "multi-user.target", Description: "Multi-User System", Vendor: true})
	if h.Spec.Engine != nil {
		unit("containerd.service", "containerd container runtime", "/usr/bin/containerd", 68*mib)
		unit("docker.service", "Docker Application Container Engine", "/usr/bin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock", 112*mib)
		h.AddUnit(sim.UnitSpec{Name: "docker.socket", Description: "Docker Socket for the API", Vendor: true, Enabled: "enabled", Listen: []sim.Listener{{Proto: "unix", Path: "/run/docker.sock", Process: "dockerd"}}})
		h.AddNetwork(sim.Network{Name: "bridge", Subnet: "172.17.0.0/16", Gateway: "172.17.0.1"})
		h.AddNetwork(sim.Network{Name: "host", Driver: "host"})
		h.AddNetwork(sim.Network{Name: "none", Driver: "null"})
	}
	background(h)
}

// background writes what any host's journal has: cron, logins that fail, time synchronisation.
func background(h *sim.Host) {
	r := h.Site.Rand("background " + h.Spec.Name)
	h.Site.Every(time.Duration(r.IntN(30))*time.Second, func(now time.Time) time.Duration {
		switch r.IntN(5) {
		case 0:
			h.SystemLog(now, "cron.service", "CRON", sim.Info, "(root) CMD (cd / && run-parts --report /etc/cron.hourly)")
		case 1:
			h.SystemLog(now, "ssh.service", "sshd", sim.Info, fmt.Sprintf("Invalid user %s from %s port %d",
				choose(r, "admin", "test", "oracle", "ubuntu", "git"), address(r), 30000+r.IntN(30000)))
		case 2:
			h.SystemLog(now, "chrony.service", "chronyd", sim.Info, fmt.Sprintf("Selected source 10.0.0.%d", 1+r.IntN(4)))
		case 3:
			h.SystemLog(now, "systemd-logind.service", "systemd-logind", sim.Info, fmt.Sprintf("New session %d of user %s.", 100+r.IntN(900), h.Spec.Users[0].Name))
		case 4:
			h.SystemLog(now, "systemd-resolved.service", "systemd-resolved", sim.Warning, "Using degraded feature set UDP instead of UDP+EDNS0 for DNS server 10.0.0.2.")
		}
		return 20*time.Second + time.Duration(r.IntN(70))*time.Second
	})
}

func choose(r *rand.Rand, list ...string) string { return list[r.IntN(len(list))] }

// address is one of those the outside world calls from (documentation ranges).
func address(r *rand.Rand) string {
	return choose(r, "203.0.113.", "198.51.100.", "192.0.2.") + strconv.Itoa(1+r.IntN(250))
}

// gap is the time until the next of events that come rate times a second, at random.
func gap(r *rand.Rand, rate float64) time.Duration {
	return max(time.Millisecond, time.Duration(-math.Log(1-r.Float64())/rate*float64(time.Second)))
}

// often has do called rate times a second on average.
func often(s *sim.Site, name string, rate float64, do func(now time.Time, r *rand.Rand)) {
	r := s.Rand("often " + name)
	s.Every(gap(r, rate), func(now time.Time) time.Duration {
		do(now, r)
		return gap(r, rate)
	})
}

// files puts the tree data/DIR onto a file system, with the addresses of the copy.
func files(f *vfs.FS, w World, p *Plan, dir string, at time.Time, change func(name string, n *vfs.Node)) {
	root := path.Join("data", dir)
	err := fs.WalkDir(data, root, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := data.ReadFile(name)
		if err != nil {
			return err
		}
		n := vfs.Node{Mode: 0o644, Data: []byte(p.Text(w, string(b))), MTime: at}
		to := strings.TrimPrefix(name, root)
		if change != nil {
			change(to, &n)
		}
		f.Put(to, n)
		return nil
	})
	if err != nil {
		panic("worlds: " + err.Error()) // the tree is part of the program
	}
}

// inContainer reads the tree data/DIR as the files of a container.
func inContainer(w World, p *Plan, dir string) map[string]vfs.Node {
	out := map[string]vfs.Node{}
	root := path.Join("data", dir)
	err := fs.WalkDir(data, root, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := data.ReadFile(name)
		if err == nil {
			out[strings.TrimPrefix(name, root)] = vfs.Node{Mode: 0o644, Data: []byte(p.Text(w, string(b)))}
		}
		return err
	})
	if err != nil {
		panic("worlds: " + err.Error()) // the tree is part of the program
	}
	return out
}

// composed are the labels docker compose puts on a container.
func composed(s *sim.Site, project, service, dir string, configs ...string) map[string]string {
	for i, c := range configs {
		configs[i] = path.Join(dir, c)
	}
	return map[string]string{
		"com.docker.compose.project": project, "com.docker.compose.service": service, "com.docker.compose.version": "2.29.7",
		"com.docker.compose.project.working_dir": dir, "com.docker.compose.project.config_files": strings.Join(configs, ","),
		"com.docker.compose.container-number": "1", "com.docker.compose.oneoff": "False",
		"com.docker.compose.config-hash": s.Hex("config "+project+service, 64),
	}
}

// drop cuts a host off from time to time and brings it back.
func drop(h *sim.Host, first, every, long time.Duration, blackhole bool) {
	r := h.Site.Rand("drop " + h.Spec.Name)
	h.Site.Every(h.Site.Start().Sub(h.Site.Now())+first, func(time.Time) time.Duration {
		h.SetDown(true, blackhole)
		away := long/2 + time.Duration(r.Int64N(int64(long)))
		h.Site.After(away, func(time.Time) { h.SetDown(false, blackhole) })
		return every + time.Duration(r.Int64N(int64(every/2)))
	})
}

// uuid makes a request ID.
func uuid(r *rand.Rand) string {
	a, b := r.Uint64(), r.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", uint32(a), uint16(a>>32), a>>52, 0x8000|b>>50, b&0xffffffffffff)
}
