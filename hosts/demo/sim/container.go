package sim

import (
	"net"
	"path"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts/demo/vfs"
)

// AddContainer adds a container in the state its description starts with.
func (h *Host) AddContainer(spec ContainerSpec) *Container {
	start := h.Site.start
	c := &Container{
		Host: h, Spec: spec, Restarts: spec.Restarts, Exit: spec.Exit, Err: spec.Error,
		ID:  h.Site.Hex("container "+h.Spec.Name+" "+spec.Name, 64),
		Log: NewRing[Line](h.Site.Keep), IPs: map[string]string{},
		Image: h.ImageBy(spec.Image),
	}
	if c.Image == nil {
		c.Image = h.AddImage(Image{Tags: []string{Tagged(spec.Image)}, Size: 90e6 + uint64(h.rnd.IntN(400e6))})
	}
	if c.Spec.Health == nil {
		c.Spec.Health = c.Image.Health
	}
	age := spec.Age
	if age == 0 {
		age = spec.Up + 2*time.Second
	}
	c.Created = start.Add(-age)
	c.cpu = NewWave(h.rnd, spec.CPU, spec.CPUSwing)
	c.mem = NewWave(h.rnd, spec.Mem, spec.MemSwing)
	c.net = NewWave(h.rnd, spec.Net, spec.Net*0.7)
	c.FS = containerFS(c)
	switch spec.Off {
	case "":
		c.State, c.PID, c.Ready = "running", h.NewPID(), true
		c.Started = start.Add(-spec.Up)
		c.attach()
		if c.Spec.Health != nil {
			c.Health = "healthy"
			c.pastProbes()
			c.probe = h.Site.After(time.Duration(h.rnd.Int64N(int64(c.interval()))), c.check)
		}
	case "exited":
		c.State = "exited"
		c.Finished = start.Add(-spec.Up)
		c.Started = c.Finished.Add(-time.Duration(1+h.rnd.IntN(600)) * time.Second)
		c.stopped = spec.Restart != "always"
	default:
		c.State, c.stopped = spec.Off, true
	}
	h.Containers = append(h.Containers, c)
	h.touch()
	return c
}

// attach gives the container its addresses.
func (c *Container) attach() {
	for _, name := range c.Spec.Networks {
		n := c.Host.Network(name)
		if n == nil || c.IPs[name] != "" {
			continue
		}
		base, _, err := net.ParseCIDR(n.Subnet)
		if err != nil || base.To4() == nil {
			continue
		}
		ip := base.To4()
		c.IPs[name] = net.IPv4(ip[0], ip[1], ip[2]+byte(n.next/250), byte(n.next%250)).String()
		n.next++
	}
}

// IP is the address in the first network that gave one.
func (c *Container) IP() string {
	for _, n := range c.Spec.Networks {
		if ip := c.IPs[n]; ip != "" {
			return ip
		}
	}
	return ""
}

// NetMode is HostConfig.NetworkMode.
func (c *Container) NetMode() string {
	switch {
	case c.Spec.NetMode != "":
		return c.Spec.NetMode
	case len(c.Spec.Networks) > 0:
		return c.Spec.Networks[0]
	default:
		return "bridge"
	}
}

// Running reports whether processes of the container run.
func (c *Container) Running() bool { return c.State == "running" }

// Memory is what the container uses now, without page cache; 0 when it does not run.
func (c *Container) Memory() uint64 {
	if c.State != "running" && c.State != "paused" {
		return 0
	}
	m := c.mem.At(c.Host.Site.now)
	if limit := float64(c.Spec.MemLimit); limit > 0 && m > limit {
		m = limit
	}
	return uint64(m)
}

// CPUNanos is the CPU time used since the start, at a moment.
func (c *Container) CPUNanos(at time.Time) uint64 {
	if c.State != "running" {
		return 0
	}
	return uint64((c.cpu.Sum(c.Started, at) + c.Extra*max(0, at.Sub(c.Started).Seconds())) / 100 * 1e9)
}

// CPU is what is used now in percent of one core.
func (c *Container) CPU() float64 {
	if c.State != "running" {
		return 0
	}
	return c.cpu.At(c.Host.Site.now) + c.Extra
}

// NetBytes is what was received and sent since the start.
func (c *Container) NetBytes(at time.Time) (rx, tx uint64) {
	if c.State != "running" {
		return 0, 0
	}
	n := c.net.Sum(c.Started, at)
	return uint64(n * 0.4), uint64(n * 0.6)
}

// Short is the first 12 digits of the ID.
func (c *Container) Short() string { return c.ID[:12] }

// Out writes a line to standard output, at that moment when it is still to come.
func (c *Container) Out(at time.Time, text string) { c.write(Line{At: at, Text: text}) }

// Errout writes a line to standard error, at that moment when it is still to come.
func (c *Container) Errout(at time.Time, text string) { c.write(Line{At: at, Err: true, Text: text}) }

func (c *Container) write(l Line) {
	if l.At.After(c.Host.Site.now) {
		c.Host.Site.At(l.At, func(time.Time) { c.write(l) })
		return
	}
	// No two lines of a log have the same time: that is what makes a time a place in it.
	if all := c.Log.All(); len(all) > 0 && !l.At.After(all[len(all)-1].At) {
		l.At = all[len(all)-1].At.Add(800 * time.Nanosecond)
	}
	c.Log.Add(l)
}

// Event records a message of the engine about the container.
func (c *Container) Event(at time.Time, action string, attrs ...string) {
	m := map[string]string{"image": c.Spec.Image, "name": c.Spec.Name}
	for k, v := range c.Spec.Labels {
		m[k] = v
	}
	for i := 0; i+1 < len(attrs); i += 2 {
		m[attrs[i]] = attrs[i+1]
	}
	c.Host.Events.Add(Event{At: at, Type: "container", Action: action, ID: c.ID, Attrs: m})
	c.Host.touch()
}

func (c *Container) netEvents(at time.Time, action string) {
	for _, name := range c.Spec.Networks {
		if n := c.Host.Network(name); n != nil {
			c.Host.Events.Add(Event{
				At: at, Type: "network", Action: action, ID: n.ID,
				Attrs: map[string]string{"container": c.ID, "name": n.Name, "type": n.Driver},
			})
		}
	}
}

// containerFS is the file system inside.
func containerFS(c *Container) *vfs.FS {
	f := vfs.New(c.Host.wall)
	put := func(name string, mode uint32, gen func() string) {
		f.Put(name, vfs.Node{Mode: vfsMode(mode), Gen: c.Host.live(gen)})
	}
	f.Put("/etc/hostname", vfs.Node{Mode: 0o644, Data: []byte(c.ID[:12] + "\n")})
	f.Put("/etc/os-release", vfs.Node{Mode: 0o644, Data: []byte(
		"PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nID=debian\n")})
	f.Put("/etc/resolv.conf", vfs.Node{Mode: 0o644, Data: []byte("nameserver 127.0.0.11\noptions ndots:0\n")})
	put("/etc/hosts", 0o644, func() string {
		return "127.0.0.1\tlocalhost\n" + c.IP() + "\t" + c.ID[:12] + "\n"
	})
	put("/proc/self/mountinfo", 0o444, c.MountInfo)
	put("/proc/loadavg", 0o444, c.Host.loadavg)
	put("/proc/meminfo", 0o444, c.Host.meminfo)
	put("/proc/uptime", 0o444, c.Host.uptime)
	put("/proc/1/cmdline", 0o444, func() string {
		return strings.Join(c.Args(), "\x00") + "\x00"
	})
	f.Put("/tmp/.keep", vfs.Node{Mode: 0o644})
	for name, n := range c.Spec.Files {
		f.Put(name, n)
	}
	for _, m := range c.Spec.Mounts {
		if m.Type == "bind" {
			c.bind(f, m)
		}
	}
	return f
}

// bind shows a file or directory of the host inside, as it is at the moment of reading.
func (c *Container) bind(f *vfs.FS, m MountSpec) {
	root := vfs.Cred{User: "root"}
	st, err := c.Host.FS.Stat(root, m.Source, true)
	if err != nil {
		return
	}
	if !st.IsDir() {
		f.Put(m.Target, vfs.Node{Mode: st.Mode(), Ino: st.Ino(), MTime: st.ModTime(), Gen: c.reader(m.Source)})
		return
	}
	list, err := c.Host.FS.ReadDir(root, m.Source)
	if err != nil {
		return
	}
	for _, e := range list {
		c.bind(f, MountSpec{Source: path.Join(m.Source, e.Name()), Target: path.Join(m.Target, e.Name())})
	}
}

func (c *Container) reader(name string) func() []byte {
	return func() []byte {
		b, err := c.Host.FS.ReadFile(vfs.Cred{User: "root"}, name)
		if err != nil {
			return nil
		}
		return b
	}
}

// Args is the full command of the main process.
func (c *Container) Args() []string {
	return append(append([]string(nil), c.Spec.Entrypoint...), c.Spec.Cmd...)
}

// PortText is docker ps's PORTS column.
func (c *Container) PortText() string {
	var out []string
	if c.Running() {
		for _, p := range c.Spec.Ports {
			to := "->" + strconv.Itoa(p.Port) + "/" + p.proto()
			if p.IP != "" {
				out = append(out, p.IP+":"+strconv.Itoa(p.Host)+to)
			} else {
				out = append(out, "0.0.0.0:"+strconv.Itoa(p.Host)+to, "[::]:"+strconv.Itoa(p.Host)+to)
			}
		}
		for _, e := range c.Spec.Expose {
			if !c.publishes(e) {
				out = append(out, e)
			}
		}
	}
	return strings.Join(out, ", ")
}

func (c *Container) publishes(expose string) bool {
	for _, p := range c.Spec.Ports {
		if expose == strconv.Itoa(p.Port)+"/"+p.proto() {
			return true
		}
	}
	return false
}

func (p PortSpec) proto() string {
	if p.Proto == "" {
		return "tcp"
	}
	return p.Proto
}

// Protocol is tcp where none was given.
func (p PortSpec) Protocol() string { return p.proto() }

// Lookup resolves a name as Docker's DNS does for the container: names and aliases of running
// containers in a network they share.
func (c *Container) Lookup(name string) string {
	for _, o := range c.Host.Containers {
		if !o.Running() {
			continue
		}
		match := o.Spec.Name == name || o.ID[:12] == name
		for _, a := range o.Spec.Aliases {
			match = match || a == name
		}
		if !match {
			continue
		}
		for n, ip := range o.IPs {
			if c.IPs[n] != "" {
				return ip
			}
		}
	}
	return ""
}
