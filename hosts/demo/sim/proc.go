package sim

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"midwatch/hosts/demo/vfs"
)

// proc fills in the files of /proc that are read.
func (h *Host) proc() {
	put := func(name string, gen func() string) {
		h.FS.Put(name, vfs.Node{Mode: 0o444, Gen: h.live(gen)})
	}
	put("/proc/loadavg", h.loadavg)
	put("/proc/meminfo", h.meminfo)
	put("/proc/uptime", h.uptime)
	put("/proc/stat", h.stat)
	put("/proc/cpuinfo", h.cpuinfo)
	put("/proc/version", func() string {
		return "Linux version " + h.Spec.Kernel + " (build@build) #1 SMP PREEMPT_DYNAMIC\n"
	})
	put("/proc/sys/kernel/hostname", func() string { return h.Spec.Name + "\n" })
	put("/proc/sys/kernel/random/boot_id", func() string { return DashID(h.BootID) + "\n" })
	put("/proc/sys/kernel/osrelease", func() string { return h.Spec.Kernel + "\n" })
	put("/proc/sys/net/ipv4/ip_local_port_range", func() string { return "32768\t60999\n" })
	put("/proc/self/mountinfo", h.MountInfo)
	put("/proc/self/mounts", h.mounts)
	put("/proc/mounts", h.mounts)
	put("/proc/pressure/cpu", func() string { return h.pressure("cpu") })
	put("/proc/pressure/memory", func() string { return h.pressure("memory") })
	put("/proc/pressure/io", func() string { return h.pressure("io") })
}

// live makes the content of a file from the state of the site. Files are read by people's commands,
// which do not hold the lock.
func (h *Host) live(gen func() string) func() []byte {
	return func() []byte {
		h.Site.Lock()
		defer h.Site.Unlock()
		return []byte(gen())
	}
}

// DashID writes 32 hexadecimal digits as a UUID.
func DashID(s string) string {
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// LoadAvg returns the three averages.
func (h *Host) LoadAvg() [3]float64 {
	now := h.Site.now
	extra := h.ExtraLoad
	for _, c := range h.Containers {
		if c.State == "running" {
			extra += c.Extra / 100
		}
	}
	return [3]float64{h.Load.over(now, 60) + extra, h.Load.over(now, 300) + extra*0.6, h.Load.over(now, 900) + extra*0.3}
}

func (h *Host) loadavg() string {
	l := h.LoadAvg()
	return fmt.Sprintf("%.2f %.2f %.2f %d/%d %d\n", l[0], l[1], l[2], 1+int(l[0]), 180+len(h.Containers)*9, h.pid)
}

func (h *Host) meminfo() string {
	total, avail := h.Spec.Mem/1024, h.MemAvailable()/1024
	free := avail * 2 / 5
	cached := avail - free
	swapFree := h.Spec.Swap / 1024 * 97 / 100
	return fmt.Sprintf("MemTotal:       %8d kB\nMemFree:        %8d kB\nMemAvailable:   %8d kB\nBuffers:        %8d kB\n"+
		"Cached:         %8d kB\nSwapCached:     %8d kB\nSwapTotal:      %8d kB\nSwapFree:       %8d kB\n",
		total, free, avail, cached/12, cached-cached/12, 0, h.Spec.Swap/1024, swapFree)
}

func (h *Host) uptime() string {
	up := h.Site.now.Sub(h.Boot).Seconds()
	return fmt.Sprintf("%.2f %.2f\n", up, up*float64(h.Spec.CPUs)*0.9)
}

// stat is cumulative CPU time in hundredths of a second.
func (h *Host) stat() string {
	var b strings.Builder
	busy := min(h.Load.Sum(h.Boot, h.Site.now), h.Site.now.Sub(h.Boot).Seconds()*float64(h.Spec.CPUs)*0.95) * 100
	all := h.Site.now.Sub(h.Boot).Seconds() * 100 * float64(h.Spec.CPUs)
	line := func(name string, share float64) {
		fmt.Fprintf(&b, "%s %d 120 %d %d %d 0 0 0 0 0\n", name, int(busy*0.7*share), int(busy*0.3*share),
			int((all-busy)*share), int(h.stall.Sum(h.Boot, h.Site.now)*share))
	}
	line("cpu ", 1)
	for i := range h.Spec.CPUs {
		line(fmt.Sprintf("cpu%d", i), 1/float64(h.Spec.CPUs))
	}
	fmt.Fprintf(&b, "btime %d\nprocesses %d\nprocs_running %d\nprocs_blocked 0\n", h.Boot.Unix(), h.pid, 1+int(h.Load.At(h.Site.now)))
	return b.String()
}

func (h *Host) cpuinfo() string {
	var b strings.Builder
	for i := range h.Spec.CPUs {
		fmt.Fprintf(&b, "processor\t: %d\nmodel name\t: Virtual CPU\ncpu MHz\t\t: 2894.562\n\n", i)
	}
	return b.String()
}

// Stalled is the share of time, in percent, that tasks wait for a resource: cpu, memory or io.
func (h *Host) Stalled(kind string) float64 {
	switch kind {
	case "io":
		return min(100, h.stall.over(h.Site.now, 10)+h.ExtraStall)
	case "cpu":
		return min(100, 100*max(0, h.Load.over(h.Site.now, 10)/float64(h.Spec.CPUs)-0.6)*0.7)
	default:
		return min(100, 40*max(0, h.mem.At(h.Site.now)-0.88))
	}
}

func (h *Host) pressure(kind string) string {
	p := h.Stalled(kind)
	total := uint64(p / 100 * h.Site.now.Sub(h.Boot).Seconds() * 1e6)
	s := fmt.Sprintf("some avg10=%.2f avg60=%.2f avg300=%.2f total=%d\n", p, p*0.9, p*0.8, total)
	return s + fmt.Sprintf("full avg10=%.2f avg60=%.2f avg300=%.2f total=%d\n", p*0.4, p*0.35, p*0.3, total/3)
}

// Disk is a mounted file system as it stands now.
type Disk struct {
	DiskSpec
	Avail uint64
}

// Disks returns the file systems with what is used of them now.
func (h *Host) Disks() []Disk {
	var out []Disk
	for _, d := range h.Spec.Disks {
		d.Used += uint64(d.Growth * max(0, h.Site.now.Sub(h.Site.start).Seconds()))
		d.Used = min(d.Used, d.Size)
		reserved := uint64(0)
		if strings.HasPrefix(d.Type, "ext") {
			reserved = d.Size / 20
		}
		avail := uint64(0)
		if d.Size > d.Used+reserved {
			avail = d.Size - d.Used - reserved
		}
		out = append(out, Disk{d, avail})
	}
	return out
}

// mountRow is one line of mountinfo.
type mountRow struct{ target, root, dev, fstype, source, options string }

func (h *Host) mountRows() []mountRow {
	rows := []mountRow{
		{"/proc", "/", "0:21", "proc", "proc", "rw"},
		{"/sys", "/", "0:22", "sysfs", "sysfs", "rw"},
		{"/dev", "/", "0:5", "devtmpfs", "udev", "rw,size=4014120k"},
		{"/sys/fs/cgroup", "/", "0:26", "cgroup2", "cgroup2", "rw,nsdelegate"},
	}
	for i, d := range h.Spec.Disks {
		dev := fmt.Sprintf("8:%d", i+1)
		if strings.HasPrefix(d.Type, "tmpfs") || strings.HasPrefix(d.Type, "nfs") || strings.Contains(d.Device, ":") {
			dev = fmt.Sprintf("0:%d", 40+i)
		}
		opts := d.Options
		if opts == "" {
			opts = "rw,relatime"
		}
		rows = append(rows, mountRow{d.Mount, "/", dev, d.Type, d.Device, opts})
	}
	for _, c := range h.Containers {
		if c.State == "running" {
			dir := "/var/lib/docker/overlay2/" + h.Site.Hex("layer "+c.ID, 64) + "/merged"
			rows = append(rows, mountRow{dir, "/", "0:61", "overlay", "overlay", "rw,lowerdir=l/A:l/B"})
		}
	}
	sort.SliceStable(rows, func(i, j int) bool { return rows[i].target == "/" && rows[j].target != "/" })
	return rows
}

// MountInfo is /proc/self/mountinfo.
func (h *Host) MountInfo() string {
	var b strings.Builder
	for i, r := range h.mountRows() {
		parent := 24
		if i == 0 {
			parent = 1
		}
		fmt.Fprintf(&b, "%d %d %s %s %s rw,relatime shared:%d - %s %s %s\n",
			24+i, parent, r.dev, r.root, octal(r.target), i+1, r.fstype, octal(r.source), r.options)
	}
	return b.String()
}

func (h *Host) mounts() string {
	var b strings.Builder
	for _, r := range h.mountRows() {
		fmt.Fprintf(&b, "%s %s %s %s 0 0\n", octal(r.source), octal(r.target), r.fstype, r.options)
	}
	return b.String()
}

// octal writes blanks as the kernel does.
func octal(s string) string {
	return strings.NewReplacer(" ", `\040`, "\t", `\011`, "\\", `\134`).Replace(s)
}

// MountInfo is the mountinfo a process of the container sees.
func (c *Container) MountInfo() string {
	var b strings.Builder
	b.WriteString("612 480 0:61 / / rw,relatime - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/A:/var/lib/docker/overlay2/l/B\n")
	b.WriteString("613 612 0:64 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw\n")
	for i, m := range c.Spec.Mounts {
		dev, root, fstype, source, opts := "8:1", m.Source, "ext4", "/dev/sda1", "rw"
		if d, ok := c.Host.diskOf(m.Source); ok {
			fstype, source, opts = d.Type, d.Device, d.Options
			dev = c.Host.deviceOf(d.Mount)
			if d.Mount != "/" {
				root = "/" + strings.TrimPrefix(strings.TrimPrefix(m.Source, d.Mount), "/")
			}
		}
		if m.FSType != "" {
			root, fstype, source, opts = "/", m.FSType, m.Device, m.Options
		}
		if opts == "" {
			opts = "rw"
		}
		access := "rw"
		if m.RO {
			access = "ro"
		}
		fmt.Fprintf(&b, "%d 612 %s %s %s %s,relatime - %s %s %s\n", 620+i, dev, octal(root), octal(m.Target), access, fstype, source, opts)
	}
	return b.String()
}

// deviceOf is the number of the device that is mounted at a place.
func (h *Host) deviceOf(mount string) string {
	for _, r := range h.mountRows() {
		if r.target == mount {
			return r.dev
		}
	}
	return "0:71"
}

// diskOf is the file system a path lies on.
func (h *Host) diskOf(name string) (DiskSpec, bool) {
	best, ok := DiskSpec{}, false
	for _, d := range h.Spec.Disks {
		if name == d.Mount || d.Mount == "/" || strings.HasPrefix(name, d.Mount+"/") {
			if !ok || len(d.Mount) > len(best.Mount) {
				best, ok = d, true
			}
		}
	}
	return best, ok
}

// Uptime is how long the host has been up.
func (h *Host) Uptime() time.Duration { return h.Site.now.Sub(h.Boot) }

// Hangs reports whether a file system gives no answer: its server is gone.
func (h *Host) Hangs(mount string) bool { return h.hung[mount] }

// SetHung lets a network file system hang, or come back.
func (h *Host) SetHung(mount string, hung bool) {
	if h.hung == nil {
		h.hung = map[string]bool{}
	}
	h.hung[mount] = hung
}
