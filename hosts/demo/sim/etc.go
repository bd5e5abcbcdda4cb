package sim

import (
	"fmt"
	"io/fs"
	"sort"
	"strconv"
	"strings"

	"midwatch/hosts/demo/vfs"
)

func vfsMode(m uint32) fs.FileMode { return fs.FileMode(m) }

// etc fills in what every Linux host has.
func (h *Host) etc() {
	put := func(name string, mode uint32, text string) {
		h.FS.Put(name, vfs.Node{Mode: vfsMode(mode), Data: []byte(text), MTime: h.Boot})
	}
	o := h.Spec.OS
	release := fmt.Sprintf("PRETTY_NAME=%q\nNAME=%q\nVERSION_ID=%q\nVERSION_CODENAME=%s\nID=%s\n",
		o.Pretty, strings.Fields(o.Pretty + " x")[0], o.Version, o.Codename, o.ID)
	put("/usr/lib/os-release", 0o644, release)
	h.FS.Put("/etc/os-release", vfs.Node{Mode: fs.ModeSymlink | 0o777, Target: "../usr/lib/os-release"})
	put("/etc/hostname", 0o644, h.Spec.Name+"\n")
	put("/etc/machine-id", 0o444, h.ID+"\n")
	put("/etc/resolv.conf", 0o644, "nameserver 127.0.0.53\noptions edns0 trust-ad\n")
	h.FS.Put("/etc/hosts", vfs.Node{Mode: 0o644, Gen: h.live(h.hostsFile)})
	h.FS.Put("/etc/passwd", vfs.Node{Mode: 0o644, Gen: h.live(h.passwd)})
	h.FS.Put("/etc/group", vfs.Node{Mode: 0o644, Gen: h.live(h.group)})
	h.FS.Put("/tmp", vfs.Node{Mode: fs.ModeDir | fs.ModeSticky | 0o777})
	h.FS.Put("/var/tmp", vfs.Node{Mode: fs.ModeDir | fs.ModeSticky | 0o777})
	h.FS.Put("/root", vfs.Node{Mode: fs.ModeDir | 0o700})
	h.FS.Put("/run/user", vfs.Node{Mode: fs.ModeDir | 0o755})
	h.FS.Put("/dev/null", vfs.Node{Mode: fs.ModeDevice | fs.ModeCharDevice | 0o666})
	if h.Spec.Systemd > 0 {
		h.FS.Put("/run/systemd/system", vfs.Node{Mode: fs.ModeDir | 0o755})
	}
	for _, u := range h.Spec.Users {
		if u.Home != "" {
			h.FS.Put(u.Home, vfs.Node{Mode: fs.ModeDir | 0o750, Owner: u.Name, Group: u.Groups[0]})
		}
	}
	if h.Spec.Engine != nil {
		h.FS.Put("/run/docker.sock", vfs.Node{Mode: fs.ModeSocket | 0o660, Group: "docker"})
		h.FS.Put("/var/run", vfs.Node{Mode: fs.ModeSymlink | 0o777, Target: "/run"})
		put("/etc/docker/daemon.json", 0o644, "{\n  \"log-driver\": \"json-file\"\n}\n")
	}
	for _, d := range h.Spec.Disks {
		if d.Mount != "/" {
			h.FS.Put(d.Mount, vfs.Node{Mode: fs.ModeDir | 0o755})
		}
	}
}

func (h *Host) hostsFile() string {
	var b strings.Builder
	b.WriteString("127.0.0.1\tlocalhost\n127.0.1.1\t" + h.Spec.Name + "\n")
	for _, o := range h.Site.hosts {
		if o != h {
			b.WriteString(o.Spec.Addr + "\t" + o.Spec.Name + "\n")
		}
	}
	return b.String()
}

func (h *Host) passwd() string {
	var b strings.Builder
	b.WriteString("root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n")
	for _, u := range h.Spec.Users {
		if u.UID == 0 {
			continue
		}
		sh := u.Shell
		if sh == "" {
			sh = "/bin/bash"
		}
		fmt.Fprintf(&b, "%s:x:%d:%d::%s:%s\n", u.Name, u.UID, h.GID(u.Groups[0]), u.Home, sh)
	}
	return b.String()
}

// GID is the number of a group.
func (h *Host) GID(group string) int {
	if id, ok := h.Spec.Groups[group]; ok {
		return id
	}
	if u, ok := h.User(group); ok {
		return u.UID
	}
	return map[string]int{"root": 0, "adm": 4, "sudo": 27, "www-data": 33, "systemd-journal": 101, "docker": 999}[group]
}

func (h *Host) group() string {
	members := map[string][]string{"root": nil, "adm": nil, "sudo": nil, "www-data": nil, "systemd-journal": nil}
	if h.Spec.Engine != nil {
		members["docker"] = nil
	}
	for _, u := range h.Spec.Users {
		for i, g := range u.Groups {
			if i == 0 {
				members[g] = append(members[g], []string{}...)
				continue
			}
			members[g] = append(members[g], u.Name)
		}
	}
	names := make([]string, 0, len(members))
	for g := range members {
		names = append(names, g)
	}
	sort.Slice(names, func(i, j int) bool { return h.GID(names[i]) < h.GID(names[j]) })
	var b strings.Builder
	for _, g := range names {
		b.WriteString(g + ":x:" + strconv.Itoa(h.GID(g)) + ":" + strings.Join(members[g], ",") + "\n")
	}
	return b.String()
}
