package hostrules

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"midwatch/checks"
	"midwatch/hosts"
)

func sharedRecordings() checks.Check {
	return checks.Check{
		ID:       "shared-recording-storage",
		Title:    "recordings lie on the one host that made them",
		Area:     checks.AreaStorage,
		Severity: checks.Warning,
		Why: "When several hosts take calls and each keeps its recordings on its own disk, playback works only while it is asked on the host that took the call; " +
			"they fill that disk, and are gone with the host.",
		Fix:       "Let the workers put recordings into an object store (a bucket), or mount one network file system at that path on every host. The folder may stay as a place to write to until they are sent.",
		Verify:    "a recording of one host can be played through another; findmnt -T FOLDER shows the same source on all hosts",
		Sources:   []string{"https://12factor.net/processes", "https://docs.livekit.io/home/egress/outputs/"},
		Diagnoses: []string{"recordings-storage"},
		Also:      []checks.Need{checks.NeedUnits, checks.NeedContainers, checks.NeedMounts},
		Eval:      checks.OnFleet(evalRecordings),
	}
}

// keeper is a service on a host that keeps recordings in a folder.
type keeper struct {
	h       *checks.Host
	service string // what it is called on every host
	object  string
	dir     string // on the host
	from    string // where that is said
	source  string
}

func evalRecordings(w *checks.World) []checks.Finding {
	runs := map[string][]string{} // services and the hosts they run on
	var all []keeper
	for _, h := range w.Hosts {
		for _, s := range servicesOf(h) {
			if !has(runs[s], h.Name) {
				runs[s] = append(runs[s], h.Name)
			}
		}
		all = append(all, unitKeepers(h)...)
		all = append(all, containerKeepers(h)...)
	}
	var out []checks.Finding
	told := map[string]bool{}
	for _, k := range all {
		key := k.h.Name + "\x00" + k.service + "\x00" + k.dir
		if len(runs[k.service]) < 2 || told[key] {
			continue
		}
		told[key] = true
		if !k.h.Mounts.Known() {
			out = append(out, checks.Finding{Host: k.h.Name, Object: k.object, Status: checks.Unknown, Title: k.dir + ": " + k.h.Part(checks.NeedMounts).Why()})
			continue
		}
		m, ok := hosts.MountOf(k.h.Mounts.Value, k.dir)
		if !ok || m.Network() || strings.HasPrefix(m.FSType, "fuse.") {
			continue // an unknown fuse may well be a bucket
		}
		f := k.h.Find(k.object, checks.NeedMounts, fmt.Sprintf("%s is on %s, %s type %s", k.dir, m.Point, m.Source, m.FSType))
		f.Title = fmt.Sprintf("recordings of %s are in %s of this host alone, and it runs on %s", k.service, k.dir, strings.Join(runs[k.service], ", "))
		f.Key = k.dir
		f.Evidence = append(f.Evidence, checks.Evidence{Source: k.source, Text: k.from, Host: k.h.Name, At: k.h.Units.At})
		out = append(out, f)
	}
	return out
}

// servicesOf are the services that run on a host, by names that are the same on another.
func servicesOf(h *checks.Host) []string {
	var out []string
	for i := range h.Units.Value {
		if u := &h.Units.Value[i]; strings.HasSuffix(u.Name, ".service") && (u.Active == "active" || u.Draining() || u.Active == "reloading") {
			out = append(out, unitService(u))
		}
	}
	for i := range h.Containers.Value {
		if c := &h.Containers.Value[i]; c.State == "running" && c.Service != "" {
			out = append(out, c.Project+"/"+c.Service)
		}
	}
	return out
}

func unitService(u *hosts.Unit) string {
	if t, _ := u.Instance(); t != "" {
		return t
	}
	return u.Name
}

// bucket are variables that say where recordings are put in the end.
var bucket = regexp.MustCompile(`RECORDINGS?_(S3_)?(BUCKET|URL|ENDPOINT|UPLOAD)|^S3_(BUCKET|ENDPOINT)|_S3_BUCKET|EGRESS_BUCKET`)

// unitKeepers are the units whose environment names a folder of recordings and no bucket.
func unitKeepers(h *checks.Host) []keeper {
	var out []keeper
	for i := range h.Units.Value {
		u := &h.Units.Value[i]
		if u.Active != "active" && !u.Draining() {
			continue
		}
		if slices.ContainsFunc(u.EnvFiles, func(f hosts.EnvFile) bool { return slices.ContainsFunc(f.Names, bucket.MatchString) }) {
			continue
		}
		for _, f := range u.EnvFiles {
			for _, name := range slices.Sorted(maps.Keys(f.Paths)) {
				out = append(out, keeper{h, unitService(u), "unit " + u.Name, f.Paths[name], name + "=" + f.Paths[name], f.Path})
			}
		}
	}
	return out
}

// recordings are folders of containers that hold them.
var recordings = regexp.MustCompile(`(?i)(^|[/_-])recordings?($|[/_-])`)

// containerKeepers are the containers with a mount for recordings and no bucket.
func containerKeepers(h *checks.Host) []keeper {
	volumes := map[string]hosts.Volume{}
	for _, v := range h.Volumes.Value {
		volumes[v.Name] = v
	}
	var out []keeper
	for i := range h.Containers.Value {
		c := &h.Containers.Value[i]
		if c.State != "running" || c.Service == "" || slices.ContainsFunc(c.EnvNames, bucket.MatchString) {
			continue
		}
		for _, m := range c.Mounts {
			v := volumes[m.Name]
			remote := v.Options["type"] != "" && v.Options["type"] != "none" && v.Options["type"] != "tmpfs" || m.Driver != "" && m.Driver != "local"
			if !m.RW || m.Type == "tmpfs" || remote || !recordings.MatchString(m.Destination) || m.Source == "" {
				continue
			}
			out = append(out, keeper{h, c.Project + "/" + c.Service, "container " + c.Name, m.Source, m.Source + " on " + m.Destination, h.Containers.Source})
		}
	}
	return out
}
