package sim

import (
	"crypto/tls"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"

	"midwatch/hosts/demo/vfs"
)

// HostSpec describes a machine.
type HostSpec struct {
	Name    string
	Addr    string
	Extra   []string // more addresses
	Port    int      // of sshd; 0 is 22
	Private bool     // reached through another host only

	OS     OS
	Kernel string // uname -r
	Arch   string // uname -m
	Virt   string // systemd-detect-virt
	CPUs   int
	Mem    uint64 // bytes
	Swap   uint64
	Up     time.Duration // how long before the site's start it was booted
	Skew   time.Duration // its clock is this much ahead

	Load, LoadSwing float64 // of the 1-minute load average
	MemUsed         float64 // share of Mem that is not available
	Stall           float64 // percent of time tasks wait for I/O (/proc/pressure/io)

	Disks   []DiskSpec
	Users   []User
	Systemd int // version
	Engine  *EngineSpec
	// Mount is what mount(8) shows of the kernel's own file systems as well as of Disks; filled by
	// the host itself.
	Groups map[string]int // group IDs beside those of users
}

// OS is what /etc/os-release says.
type OS struct{ ID, Version, Codename, Pretty string }

// DiskSpec is a mounted file system.
type DiskSpec struct {
	Device, Mount, Type, Options string
	Size, Used                   uint64 // bytes
	Inodes, InodesUsed           uint64
	Growth                       float64 // bytes a second
}

// User is an account.
type User struct {
	Name     string
	UID      int
	Groups   []string // the first is the primary one
	Home     string
	Shell    string
	Password string // for sudo; "" has none
	Sudo     Sudo
}

// Sudo is what an account may do as root.
type Sudo int

// The rules of sudoers.
const (
	SudoNone     Sudo = iota // not in the sudoers file
	SudoNoPasswd             // NOPASSWD: ALL
	SudoPassword             // ALL, with the account's password
)

// Cred returns the user's credentials for the file system.
func (u User) Cred() vfs.Cred { return vfs.Cred{User: u.Name, Groups: u.Groups} }

// Host is a machine.
type Host struct {
	detached []Process // see Begin
	Site     *Site
	Spec     HostSpec
	FS       *vfs.FS
	BootID   string // 32 hexadecimal digits
	ID       string // machine ID
	Boot     time.Time

	Journal    *Ring[Record]
	Events     *Ring[Event] // of the Docker engine
	Units      []*Unit
	Containers []*Container
	Images     []*Image
	Networks   []*Network
	Volumes    []*Volume
	Swarm      *Swarm
	Listeners  []*Listener // of processes that are neither units nor containers

	Load                  Wave
	mem                   Wave
	stall                 Wave
	ExtraLoad, ExtraStall float64 // on top of the waves, while something is going on
	Down                  bool    // not reachable: the network to it is cut
	Blackhole             bool    // with Down: packets vanish instead of being refused

	units   map[string]*Unit
	rnd     *rand.Rand
	pid     int
	job     int
	serial  int
	changed chan struct{}
	listen  []Listener      // what Sockets returned last; nil when something changed since
	hung    map[string]bool // mounts that give no answer
	onDown  []func(down bool)
}

// AddHost makes a machine of a description.
func (s *Site) AddHost(spec HostSpec) *Host {
	r := s.Rand("host " + spec.Name)
	h := &Host{
		Site: s, Spec: spec, rnd: r,
		BootID:  s.Hex("boot "+spec.Name, 32),
		ID:      s.Hex("machine "+spec.Name, 32),
		Boot:    s.start.Add(-spec.Up),
		Journal: NewRing[Record](s.Keep),
		Events:  NewRing[Event](1000),
		Load:    NewWave(r, spec.Load, spec.LoadSwing),
		mem:     NewWave(r, spec.MemUsed, spec.MemUsed*0.06),
		stall:   NewWave(r, spec.Stall, spec.Stall),
		units:   map[string]*Unit{},
		pid:     1200 + r.IntN(800),
		job:     900,
	}
	h.FS = vfs.New(h.wall)
	h.etc()
	h.proc()
	h.FS.SetRouter(procRouter{h})
	s.hosts = append(s.hosts, h)
	s.byName[spec.Name] = h
	return h
}

// Clock is what the host's own clock shows.
func (h *Host) Clock() time.Time { return h.Site.now.Add(h.Spec.Skew) }

// wall is Clock without the need for the lock: it dates files.
func (h *Host) wall() time.Time { return h.Site.clock().Add(h.Spec.Skew) }

// Local turns a moment of the site into what the host's clock showed then.
func (h *Host) Local(t time.Time) time.Time { return t.Add(h.Spec.Skew) }

// NewPID returns a process number that was not used before.
func (h *Host) NewPID() int {
	h.pid += 1 + h.rnd.IntN(9)
	return h.pid
}

// Rand is the host's own stream of chances.
func (h *Host) Rand() *rand.Rand { return h.rnd }

// Hex returns n hexadecimal digits, others each time.
func (h *Host) Hex(what string, n int) string {
	h.serial++
	return h.Site.Hex(h.Spec.Name+" "+what+" "+strconv.Itoa(h.serial), n)
}

// Changed returns a channel that is closed when a unit or container next changes its state.
func (h *Host) Changed() <-chan struct{} {
	if h.changed == nil {
		h.changed = make(chan struct{})
	}
	return h.changed
}

func (h *Host) touch() {
	h.listen = nil
	if h.changed != nil {
		close(h.changed)
		h.changed = nil
	}
}

// SetDown cuts the host off, or brings it back; blackhole lets packets vanish instead of closing
// the connections.
func (h *Host) SetDown(down, blackhole bool) {
	if h.Down == down {
		return
	}
	h.Down, h.Blackhole = down, blackhole
	for _, fn := range h.onDown {
		fn(down)
	}
}

// OnDown has fn called, with the site locked, whenever the host is cut off or comes back.
func (h *Host) OnDown(fn func(down bool)) { h.onDown = append(h.onDown, fn) }

// User returns the account of that name.
func (h *Host) User(name string) (User, bool) {
	for _, u := range h.Spec.Users {
		if u.Name == name {
			return u, true
		}
	}
	if name == "root" {
		return User{Name: "root", Groups: []string{"root"}, Home: "/root", Shell: "/bin/bash"}, true
	}
	return User{}, false
}

// MemAvailable is what /proc/meminfo calls that.
func (h *Host) MemAvailable() uint64 {
	used := h.mem.At(h.Site.now)
	return uint64(float64(h.Spec.Mem) * max(0.01, 1-used))
}

// Listener is a socket that somebody listens on.
type Listener struct {
	Proto   string // tcp, udp, unix
	IP      string // 0.0.0.0, [::] as "::", *, an address
	Port    int
	Path    string // of a unix socket
	Handler http.Handler
	Serve   func(net.Conn) // answers a protocol that is not HTTP; it closes the connection
	Banner  string         // what a server that does not speak HTTP says first
	TLS     *tls.Config    // the connection begins with a handshake
	Process string
	PID     int
	User    string
	Unit    *Unit
	C       *Container
	CPort   int // the port inside the container
}
