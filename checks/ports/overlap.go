package ports

import "net/netip"

// Bind is one end of a possible collision.
type Bind struct {
	Addr   string // "", "*", "0.0.0.0", "::", an address
	Port   uint16
	Proto  string
	V6Only bool // of "::": docker-proxy's sockets are v6 only, many servers' are not
}

// Overlap is what two bindings do to each other.
type Overlap int

// What two bindings can do to each other.
const (
	Apart   Overlap = iota
	Certain         // the second bind fails
	Perhaps         // UDP sockets with SO_REUSEADDR may share a port
)

// Collide applies the kernel's rule: the same protocol, the same port and addresses that overlap,
// where 0.0.0.0 overlaps every IPv4 address, [::] every IPv6 one and, unless it is v6 only, every
// IPv4 one as well. Port 0 is "any free port" and collides with nothing.
func Collide(a, b Bind) Overlap {
	if a.Port == 0 || a.Port != b.Port || a.Proto != b.Proto || !addrOverlap(a, b) {
		return Apart
	}
	if a.Proto == "udp" {
		return Perhaps
	}
	return Certain
}

func addrOverlap(a, b Bind) bool {
	x, y := parse(a.Addr), parse(b.Addr)
	switch {
	case x.Is4() == y.Is4():
		return x.IsUnspecified() || y.IsUnspecified() || x == y
	case x.Is6() && x.IsUnspecified():
		return !a.V6Only
	case y.Is6() && y.IsUnspecified():
		return !b.V6Only
	}
	return false
}

func parse(addr string) netip.Addr {
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return netip.IPv4Unspecified()
	}
	return a.Unmap()
}

// Exposure says who can reach a binding.
type Exposure int

// How far a binding reaches.
const (
	Loopback Exposure = iota // this machine only
	One                      // one address of the machine
	Everyone                 // every address: Docker's rules pass by the host's firewall
)

func (e Exposure) String() string {
	return [...]string{"loopback", "one address", "every address"}[e]
}

// ExposureOf classifies an address.
func ExposureOf(addr string) Exposure {
	a := parse(addr)
	switch {
	case a.IsLoopback():
		return Loopback
	case a.IsUnspecified():
		return Everyone
	}
	return One
}
