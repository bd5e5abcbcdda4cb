package composerules

import (
	"strings"

	"midwatch/checks"
	"midwatch/checks/compose"
)

func networkVolume() checks.Check {
	return checks.Check{
		ID:       "volume-on-network-fs",
		Title:    "a volume lies on a network file system",
		Area:     checks.AreaStorage,
		Severity: checks.Info,
		Why: "Good for files that are written once. Whatever locks, maps memory or syncs often (databases, queues) stalls when the server does, and may be damaged: " +
			"nolock lets two writers in, soft turns a slow answer into an input/output error.",
		Fix:       "Keep databases on a local volume; leave files here. Without nolock, and with hard.",
		Verify:    "docker volume inspect NAME shows type, o and device; findmnt -T PATH in the container shows the file system",
		Sources:   []string{"https://docs.docker.com/engine/storage/volumes/#create-a-service-which-creates-an-nfs-volume", "https://www.sqlite.org/wal.html"},
		Diagnoses: []string{"sqlite-on-nfs"},
		Eval:      checks.OnCompose(evalNetworkVolume),
	}
}

// networkType gives the file system of a volume that lies on another machine, "" for a local one.
func networkType(v *compose.Volume) string {
	switch t := v.Opts["type"].Str(); strings.ToLower(t) {
	case "nfs", "nfs4", "cifs", "smb", "smb3", "smbfs", "glusterfs", "ceph", "9p", "davfs", "fuse.sshfs", "fuse.glusterfs":
		return t
	}
	return ""
}

func evalNetworkVolume(c *checks.Compose) []checks.Finding {
	var out []checks.Finding
	for _, v := range c.Project.Volumes {
		t := networkType(v)
		if t == "" {
			if f, ok := namedVolume(c, v); ok {
				out = append(out, f)
			}
			continue
		}
		f := c.At(v.Opts["type"].Pos, "volume "+v.Name)
		f.Title = "volume " + v.Name + " is " + t
		for _, k := range []string{"o", "device"} {
			if o := v.Opts[k]; o != nil {
				f.Evidence = append(f.Evidence, c.Line(o.Pos))
			}
		}
		losing(&f, v.Opts["o"].Str())
		out = append(out, f)
	}
	return out
}

// losing raises a finding whose volume has options that lose data.
func losing(f *checks.Finding, o string) {
	if strings.Contains(o, "nolock") || hasOption(o, "soft") {
		f.Severity = checks.Warning
		f.Title += " with options that lose data (nolock or soft)"
	}
}

// namedVolume is a volume that the file only names and that docker knows as a remote one.
func namedVolume(c *checks.Compose, v *compose.Volume) (checks.Finding, bool) {
	if !external(v) {
		return checks.Finding{}, false
	}
	r, _, ok := network(c, v)
	if !ok {
		return checks.Finding{}, false
	}
	f := c.At(v.Pos, "volume "+v.Name)
	f.Title = "volume " + v.Name + " is " + r.kind
	f.Evidence = append(f.Evidence, r.more...)
	losing(&f, r.opts)
	return f, true
}

func hasOption(list, name string) bool {
	for o := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(o) == name {
			return true
		}
	}
	return false
}
