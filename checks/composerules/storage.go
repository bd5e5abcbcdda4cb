package composerules

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"midwatch/checks"
	"midwatch/checks/compose"
	"midwatch/hosts"
)

func itoa(n int) string { return strconv.Itoa(n) }

func outboxEphemeral() checks.Check {
	return checks.Check{
		ID:       "persistent-outbox-ephemeral",
		Title:    "what must survive a restart lies where it does not",
		Area:     checks.AreaStorage,
		Severity: checks.Warning,
		Why: "The container's own layer goes when the container is made again, which every deploy does; tmpfs goes with every restart; an anonymous volume is " +
			"left behind under a name nobody knows. What waited to be sent, or was recorded, is gone.",
		Fix:       "Give the path a named volume (NAME:PATH), or a StateDirectory= of the unit.",
		Verify:    "docker inspect -f '{{json .Mounts}}' CONTAINER shows a named volume that covers the path",
		Sources:   []string{"https://docs.docker.com/engine/storage/volumes/", "https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#RuntimeDirectory="},
		Diagnoses: []string{"outbox-persistence", "recordings-storage"},
		Also:      []checks.Need{checks.NeedMounts},
		Eval:      checks.AnyOf(checks.OnCompose(evalOutbox), checks.OnHost(evalSaidOutbox)),
	}
}

// lasting are names of variables whose path holds what must not be lost.
var lasting = regexp.MustCompile(`(?i)(OUTBOX|QUEUE_?(DIR|PATH|DB|FILE)|SPOOL|RECORDING|UPLOAD_?(DIR|PATH|FOLDER)|(DATABASE|DB|SQLITE)_?(PATH|FILE|URL)|_DB$|STATE_?(DIR|PATH)|JOURNAL_?(DIR|PATH))`)

// passing are paths that say themselves that they do not last.
var passing = regexp.MustCompile(`(?i)(cache|/tmp/|temp|\.pid|\.sock)`)

func evalOutbox(c *checks.Compose) []checks.Finding {
	var out []checks.Finding
	for _, s := range c.Project.Services {
		for _, e := range s.Env {
			p := pathIn(e.Value)
			if !lasting.MatchString(e.Key) || p == "" || passing.MatchString(p) && !strings.HasPrefix(p, "/tmp/") {
				continue
			}
			why, at := fleeting(c.Project, s, p)
			if why == "" {
				continue
			}
			f := c.At(e.Pos, "service "+s.Name)
			f.Title = e.Key + " of " + s.Name + " is " + p + ", " + why
			f.Key = e.Key
			if at.File != "" {
				f.Evidence = append(f.Evidence, c.Line(at))
			}
			out = append(out, f)
		}
	}
	return out
}

// evalSaidOutbox judges the outboxes that the inventory names by the file system they lie on.
func evalSaidOutbox(h *checks.Host) []checks.Finding {
	var out []checks.Finding
	said := false
	for _, w := range h.Host.Pools {
		for _, dir := range w.Outboxes {
			said = true
			if !h.Mounts.Known() {
				return []checks.Finding{checks.Unsure("outbox "+dir, h.Part(checks.NeedMounts).Why())}
			}
			m, ok := hosts.MountOf(h.Mounts.Value, dir)
			if !ok || m.FSType != "tmpfs" && m.FSType != "ramfs" {
				continue
			}
			f := h.Find("outbox "+dir, checks.NeedMounts, fmt.Sprintf("%s on %s type %s", m.Source, m.Point, m.FSType))
			f.Title = dir + ", an outbox of " + w.Unit + ", is on " + m.FSType + ": gone with every restart of the machine"
			f.Severity = checks.Error
			f.Fix = "Give the unit a StateDirectory=, or put the outbox on a disk."
			out = append(out, f)
		}
	}
	if !said {
		return checks.NotHere("the inventory names no outbox of this host")
	}
	return out
}

// pathIn is the absolute path that a value is, or that its sqlite URL names.
func pathIn(v string) string {
	if m := sqlitePath.FindStringSubmatch(v); m != nil {
		if _, rest, ok := strings.Cut(v, ":///"); ok && !strings.HasPrefix(rest, "/") {
			return "" // three slashes are a path below the working directory, which is not known
		}
		return path.Clean("/" + strings.TrimLeft(m[1], "/"))
	}
	if strings.HasPrefix(v, "/") && !strings.ContainsAny(v, " :,;") {
		return path.Clean(v)
	}
	return ""
}

// fleeting says why a path does not survive, "" when it does.
func fleeting(p *compose.Project, s *compose.Service, file string) (why string, at compose.Pos) {
	for _, t := range append(s.Root.Get("tmpfs").Strs(), s.Root.Get("tmpfs").Str()) {
		if dir, _, _ := strings.Cut(t, ":"); dir != "" && within(file, dir) {
			return "which is a tmpfs: gone with every restart", s.Root.Get("tmpfs").KeyPos
		}
	}
	best := compose.Mount{}
	for _, m := range s.Mounts {
		if m.Target != "" && within(file, m.Target) && len(m.Target) >= len(best.Target) {
			best = m
		}
	}
	v := p.Volume(best.Source)
	switch {
	case best.Target == "":
		return "which is in the container's own layer: gone when the container is made again", compose.Pos{}
	case best.Type == "tmpfs" || v != nil && v.Opts["type"].Str() == "tmpfs":
		return "which is a tmpfs: gone with every restart", best.Pos
	case best.Type == "volume" && best.Source == "":
		return "on an anonymous volume: left behind when the container is made again", best.Pos
	}
	return "", compose.Pos{}
}

func logNoRotation() checks.Check {
	return checks.Check{
		ID:       "log-driver-no-rotation",
		Title:    "the container's log grows without end",
		Area:     checks.AreaContainer,
		Severity: checks.Info,
		Why: "json-file, Docker's default, keeps everything unless max-size is set, and a busy or failing container fills the disk. A setting in daemon.json " +
			"holds for containers made after it.",
		Fix:       "logging: {driver: json-file, options: {max-size: 10m, max-file: \"3\"}} for each service, or driver: local, or log-opts in daemon.json.",
		Verify:    "docker inspect -f '{{json .HostConfig.LogConfig}}' of a container made anew shows max-size",
		Sources:   []string{"https://docs.docker.com/engine/logging/drivers/json-file/"},
		Diagnoses: []string{"log-rotation"},
		Eval:      checks.OnCompose(evalLogRotation),
	}
}

// evalLogRotation only speaks where a file asks for json-file itself: what the daemon does by default
// does not stand in it.
func evalLogRotation(c *checks.Compose) []checks.Finding {
	var out []checks.Finding
	for _, s := range c.Project.Services {
		l := s.Root.Get("logging")
		if d := l.Get("driver"); d.Str() == "json-file" && !l.Has("options", "max-size") {
			f := c.At(d.Pos, "service "+s.Name)
			f.Title = "the log of " + s.Name + " is a json-file without max-size"
			f.Severity = checks.Warning
			out = append(out, f)
		}
	}
	return out
}

func dockerSocket() checks.Check {
	return checks.Check{
		ID:        "docker-socket-exposed",
		Title:     "a container holds the keys of the machine",
		Area:      checks.AreaHardening,
		Severity:  checks.Info,
		Why:       "Who can write to Docker's socket, or runs privileged, is root on the host.",
		Fix:       "Put a proxy in between that allows only what is needed, or mount the socket for tools that operators alone reach.",
		Verify:    "docker inspect -f '{{json .Mounts}} {{.HostConfig.Privileged}}' CONTAINER",
		Sources:   []string{"https://docs.docker.com/engine/security/#docker-daemon-attack-surface"},
		Diagnoses: []string{"exposed-internal-port"},
		Eval:      checks.OnCompose(evalDockerSocket),
	}
}

func evalDockerSocket(c *checks.Compose) []checks.Finding {
	var out []checks.Finding
	for _, s := range c.Project.Services {
		for _, m := range s.Mounts {
			if strings.HasSuffix(m.Source, "/docker.sock") {
				f := c.At(m.Pos, "service "+s.Name)
				f.Title = s.Name + " can give orders to Docker"
				f.Key = "socket" // :ro protects the file, not what is said through it
				if len(s.Ports) > 0 {
					f.Severity = checks.Warning
				}
				out = append(out, f)
			}
		}
		if v := s.Root.Get("privileged"); v.Bool() {
			f := c.At(v.Pos, "service "+s.Name)
			f.Title, f.Key = s.Name+" runs privileged", "privileged"
			out = append(out, f)
		}
	}
	return out
}
