package collect

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"midwatch/hosts"
)

const sourceMounts = "cat /proc/self/mountinfo"

// mountsSection reads the mount table.
func mountsSection() Section {
	fill, fail := part(func(f *hosts.HostFacts) *hosts.Part[[]hosts.Mount] { return &f.Mounts },
		func(data []byte) ([]hosts.Mount, error) {
			if m := ParseMounts(data); len(m) > 0 {
				return m, nil
			}
			return nil, errors.New("no mount in the answer")
		})
	return Section{
		ID: "mounts", Title: "mounted file systems", Source: sourceMounts,
		Script: `cat /proc/self/mountinfo`, Plain: true, Every: time.Minute, Fill: fill, Fail: fail,
		Touch: touch(sourceMounts, func(f *hosts.HostFacts) *hosts.Part[[]hosts.Mount] { return &f.Mounts }),
	}
}

// ParseMounts reads /proc/PID/mountinfo.
func ParseMounts(data []byte) []hosts.Mount {
	var out []hosts.Mount
	for line := range lines(data) {
		if m, ok := parseMount(line); ok {
			out = append(out, m)
		}
	}
	return out
}

// parseMount reads "36 35 98:0 /root /point rw,noatime master:1 - ext4 /dev/sda1 rw".
func parseMount(line string) (hosts.Mount, bool) {
	before, after, ok := strings.Cut(line, " - ")
	f, g := strings.Fields(before), strings.Fields(after)
	if !ok || len(f) < 6 || len(g) < 2 || !strings.HasPrefix(f[4], "/") {
		return hosts.Mount{}, false
	}
	m := hosts.Mount{
		Device: f[2], Root: unescapeMount(f[3]), Point: unescapeMount(f[4]), Options: f[5],
		FSType: g[0], Source: unescapeMount(g[1]),
	}
	if len(g) > 2 {
		m.Options = joinOptions(f[5], g[2])
	}
	return m, true
}

// joinOptions adds the options of the file system to those of the mount.
func joinOptions(mount, fs string) string {
	list := strings.Split(mount, ",")
	for _, o := range strings.Split(fs, ",") {
		if o != "" && !slices.Contains(list, o) && (o != "rw" || !slices.Contains(list, "ro")) {
			list = append(list, o)
		}
	}
	return strings.Join(list, ",")
}

// addressesSection reads the addresses of the machine, from the kernel's tables where there is no ip.
func addressesSection() Section {
	fill, fail := part(func(f *hosts.HostFacts) *hosts.Part[[]string] { return &f.Addresses },
		func(data []byte) ([]string, error) {
			if a := ParseAddresses(data); len(a) > 0 {
				return a, nil
			}
			return nil, errors.New("no address in the answer")
		})
	return Section{
		ID: "addresses", Title: "addresses of the machine", Source: "ip -o addr",
		Script: `ip -o addr 2>/dev/null || grep -sH '' /proc/net/fib_trie /proc/net/if_inet6`,
		Every:  5 * time.Minute, Fill: fill, Fail: fail,
	}
}

// ParseAddresses reads ip -o addr, or fib_trie and if_inet6, each line with the name of its file in
// front. Sorted, IPv4 first.
func ParseAddresses(data []byte) []string {
	seen := map[netip.Addr]bool{}
	last := ""
	for line := range lines(data) {
		if trie, ok := strings.CutPrefix(line, "/proc/net/fib_trie:"); ok {
			f := strings.Fields(trie)
			if len(f) == 2 && f[0] == "|--" {
				last = f[1]
			}
			if strings.Contains(trie, "/32 host LOCAL") {
				addAddress(seen, last)
			}
			continue
		}
		if six, ok := strings.CutPrefix(line, "/proc/net/if_inet6:"); ok {
			if raw, err := hex.DecodeString(first(six)); err == nil && len(raw) == 16 {
				a, _ := netip.AddrFromSlice(raw)
				seen[a] = true
			}
			continue
		}
		f := strings.Fields(line)
		if len(f) >= 4 && (f[2] == "inet" || f[2] == "inet6") {
			addAddress(seen, f[3])
		}
	}
	all := make([]netip.Addr, 0, len(seen))
	for a := range seen {
		all = append(all, a)
	}
	slices.SortFunc(all, netip.Addr.Compare)
	out := make([]string, len(all))
	for i, a := range all {
		out[i] = a.String()
	}
	return out
}

// addAddress takes "10.0.0.1/24" or "10.0.0.1".
func addAddress(seen map[netip.Addr]bool, s string) {
	s, _, _ = strings.Cut(s, "/")
	if a, err := netip.ParseAddr(s); err == nil {
		seen[a.WithZone("")] = true
	}
}
