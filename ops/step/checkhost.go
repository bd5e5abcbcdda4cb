package step

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/ops/deploy"
)

var (
	toolPattern    = regexp.MustCompile(`^([^<>=]+?)\s*(?:(>=|>|=|<=|<)\s*v?([0-9][0-9.]*))?$`)
	versionPattern = regexp.MustCompile(`\bv?(\d+(?:\.\d+)+)`)
)

// lookTool wants a program, "rsync", "docker>=24" or "docker compose>=2.24.4": of several words the last ones
// are a subcommand.
func lookTool(ctx context.Context, e *Env, want string) verdict {
	m := toolPattern.FindStringSubmatch(strings.TrimSpace(want))
	if m == nil {
		return fail("tool %q: not understood, like docker>=24", brief(want))
	}
	words := strings.Fields(m[1])
	argv := append(slices.Clone(words), "--version")
	if len(words) > 1 {
		argv = append(slices.Clone(words), "version")
	}
	res, err := login(e).run(ctx, nil, argv...)
	name := strings.Join(words, " ")
	switch {
	case err != nil:
		return failErr(name, err)
	case res.Exit == 127:
		return fail("%s is not installed", name)
	case m[2] == "" && res.Exit == 0, m[2] == "" && len(words) == 1: // it is there, whatever it says to --version
		return pass("%s is there", name)
	case res.Exit != 0:
		return fail("%s: exit %d: %s", name, res.Exit, lastLine(res.Stderr))
	}
	got := versionPattern.FindSubmatch(append(res.Stdout, res.Stderr...))
	if got == nil {
		return fail("%s: its version cannot be read from %q", name, lastLine(res.Stdout))
	}
	have := string(got[1])
	if !versionFits(compareVersions(have, m[3]), m[2]) {
		return fail("%s is %s, not %s%s", name, have, m[2], m[3])
	}
	return pass("%s is %s", name, have)
}

// compareVersions compares numbers between dots; missing ones are 0.
func compareVersions(a, b string) int {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(x), len(y)) {
		n, m := 0, 0
		if i < len(x) {
			n, _ = strconv.Atoi(x[i])
		}
		if i < len(y) {
			m, _ = strconv.Atoi(y[i])
		}
		if n != m {
			return n - m
		}
	}
	return 0
}

func versionFits(c int, op string) bool {
	switch op {
	case ">=":
		return c >= 0
	case ">":
		return c > 0
	case "<=":
		return c <= 0
	case "<":
		return c < 0
	}
	return c == 0
}

var sizePattern = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)\s*([KMGT]?)(i?)B?$`)

// parseSize reads "6GiB", "500MB", "1024".
func parseSize(s string) (int64, error) {
	m := sizePattern.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return 0, fmt.Errorf("size %q is not understood, like 6GiB", s)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return 0, err
	}
	base := 1000.0
	if m[3] == "i" {
		base = 1024
	}
	for range strings.Index("KMGT", m[2]) + 1 {
		if m[2] == "" {
			break
		}
		n *= base
	}
	return int64(n), nil
}

// lookDisk wants bytes and inodes free. df -P prints one line a file system, in 1024 bytes.
func lookDisk(ctx context.Context, e *Env, d deploy.DiskFree) (out []verdict) {
	p := string(d.Path)
	if d.Min != "" {
		want, err := parseSize(d.Min)
		if err != nil {
			return []verdict{fail("disk %s: %v", p, err)}
		}
		free, err := dfColumn(ctx, e, "-Pk", p)
		switch free *= 1024; {
		case err != nil:
			out = append(out, failErr("disk "+p, err))
		case free < want:
			out = append(out, fail("disk %s: %s free, %s are wanted: free some space", p, size(free), size(want)))
		default:
			out = append(out, pass("disk %s: %s free", p, size(free)))
		}
	}
	if d.MinInodes > 0 {
		free, err := dfColumn(ctx, e, "-Pi", p)
		switch {
		case err != nil:
			out = append(out, failErr("inodes of "+p, err))
		case free < d.MinInodes:
			out = append(out, fail("inodes of %s: %d free, %d are wanted", p, free, d.MinInodes))
		default:
			out = append(out, pass("inodes of %s: %d free", p, free))
		}
	}
	return out
}

// dfColumn is what is available, for the nearest directory of a path that is there.
func dfColumn(ctx context.Context, e *Env, flag, p string) (int64, error) {
	out, err := login(e).script(ctx, "look at the disk of "+p, nil, `p=$2; while [ ! -e "$p" ] && [ "$p" != / ] && [ "$p" != . ]; do p=$(dirname -- "$p"); done; df "$1" -- "$p"`, flag, p)
	if err != nil {
		return 0, err
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	f := strings.Fields(lines[len(lines)-1])
	if len(lines) < 2 || len(f) < 4 {
		return 0, fmt.Errorf("df %s: the answer cannot be read", p)
	}
	if f[3] == "-" { // a file system without inodes to count
		return 1 << 40, nil
	}
	return strconv.ParseInt(f[3], 10, 64)
}

func lookSudo(ctx context.Context, e *Env) verdict {
	m := target(e)
	m.sudo = true
	out, err := m.script(ctx, "become root", nil, `id -u`)
	switch {
	case err != nil:
		return fail("root: %s", hosts.CleanLine(strings.TrimPrefix(err.Error(), m.name+": ")))
	case strings.TrimSpace(out) != "0":
		return fail("root: sudo works, but it is not root: id -u says %s", brief(out))
	}
	return pass("root by sudo")
}

// lookClock compares the clocks: the host's may be off by as much as the question took on its way.
func lookClock(ctx context.Context, e *Env, most time.Duration) verdict {
	before := e.Now()
	out, err := login(e).script(ctx, "read the clock", nil, `date +%s`)
	after := e.Now()
	if err != nil {
		return failErr("clock", err)
	}
	sec, err := strconv.ParseInt(strings.TrimSpace(out), 10, 64)
	if err != nil {
		return fail("clock: %q is no time", brief(out))
	}
	first, last := time.Unix(sec, 0), time.Unix(sec+1, 0) // date cuts the fraction off
	var off time.Duration
	switch {
	case last.Before(before):
		off = last.Sub(before)
	case first.After(after):
		off = first.Sub(after)
	}
	if off.Abs() > most {
		return fail("clock is off by %s, %s are allowed: look at its time synchronization", off.Round(time.Second), most)
	}
	return pass("clock agrees")
}

// scriptPorts lists who listens: the kernel's sockets with their processes, then containers with their ports.
const scriptPorts = `{ ss -Hlnp"$1" || exit 9; } 2>/dev/null
echo --
docker ps --format '{{.Names}}	{{.Ports}}' 2>/dev/null
exit 0`

var processName = regexp.MustCompile(`\("([^"]+)",pid=`)

// lookPort wants a port to be free, or held by whom it may be held.
func lookPort(ctx context.Context, e *Env, p deploy.PortOwner) verdict {
	proto := orWord(p.Proto, "tcp")
	name := proto + " port " + string(p.Port)
	out, err := watcher(e).script(ctx, "look who listens", nil, scriptPorts, proto[:1])
	if err != nil {
		if exitOf(err) == 9 {
			return fail("%s: not known: ss is not installed", name)
		}
		return failErr(name, err)
	}
	sockets, containers, _ := strings.Cut(out, "--\n")
	held, owners := portOwners(sockets, containers, proto, string(p.Port))
	switch {
	case !held:
		return pass("%s is free", name)
	case len(owners) == 0:
		return fail("%s is held, by whom cannot be seen: allow sudo", name)
	}
	for _, o := range owners {
		if slices.Contains(texts(p.Allow), o) {
			return pass("%s is held by %s", name, brief(o))
		}
	}
	return fail("%s is held by %s: it must be free or held by %s", name, brief(strings.Join(owners, ", ")), orWord(strings.Join(texts(p.Allow), ", "), "nobody"))
}

// portOwners are the processes and containers that hold a port.
func portOwners(sockets, containers, proto, port string) (held bool, owners []string) {
	for line := range strings.SplitSeq(sockets, "\n") {
		f := strings.Fields(line)
		if len(f) < 5 || !strings.HasSuffix(f[3], ":"+port) {
			continue
		}
		held = true
		for _, m := range processName.FindAllStringSubmatch(line, -1) {
			if m[1] != "docker-proxy" && !slices.Contains(owners, m[1]) {
				owners = append(owners, m[1])
			}
		}
	}
	for line := range strings.SplitSeq(containers, "\n") {
		name, ports, _ := strings.Cut(line, "\t")
		for part := range strings.SplitSeq(ports, ", ") {
			outside, inside, mapped := strings.Cut(part, "->")
			if mapped && strings.HasSuffix(outside, ":"+port) && strings.HasSuffix(inside, "/"+proto) {
				held = true
				if !slices.Contains(owners, name) {
					owners = append(owners, name)
				}
			}
		}
	}
	return held, owners
}

func lookNFS(ctx context.Context, e *Env, p string) verdict {
	out, err := login(e).script(ctx, "look at the file system of "+p, nil, `p=$1; while [ ! -e "$p" ] && [ "$p" != / ] && [ "$p" != . ]; do p=$(dirname -- "$p"); done; stat -f -c %T -- "$p"`, p)
	kind := strings.TrimSpace(out)
	switch {
	case err != nil:
		return failErr(p, err)
	case strings.HasPrefix(kind, "nfs"), kind == "smb2", kind == "cifs":
		return fail("%s lies on %s: locks and databases break there; move it to a local disk", p, kind)
	}
	return pass("%s lies on %s", p, brief(kind))
}

// maxMatch is how large a file may be that is looked into.
const maxMatch = 8 << 20

// lookMatches looks into a file, here or on the host.
func lookMatches(ctx context.Context, e *Env, f deploy.FileMatch) []verdict {
	m, p := watcher(e), string(f.Path)
	if f.Local {
		m, p = here(e), localPath(e, string(f.Path))
	}
	name := brief(string(f.Path))
	text, err := m.readFile(ctx, p, maxMatch)
	if err != nil {
		return []verdict{failErr(name, err)}
	}
	var out []verdict
	look := func(pattern string, must bool) {
		if pattern == "" {
			return
		}
		re, err := regexp.Compile(pattern)
		switch {
		case err != nil:
			out = append(out, fail("%s: %s is no pattern: %v", name, pattern, err))
		case re.Match(text) == must && must:
			out = append(out, pass("%s holds %s", name, pattern))
		case re.Match(text) == must:
			out = append(out, pass("%s does not hold %s", name, pattern))
		case must:
			out = append(out, fail("%s does not hold %s, which it must", name, pattern))
		default:
			line := 1 + strings.Count(string(text[:re.FindIndex(text)[0]]), "\n")
			out = append(out, fail("%s:%d holds %s, which it must not", name, line, pattern))
		}
	}
	look(f.Must, true)
	look(f.MustNot, false)
	return out
}

func lookUnit(ctx context.Context, e *Env, unit string) verdict {
	m := login(e)
	out, err := m.script(ctx, "look for unit "+unit, nil, `systemctl show -p LoadState --value -- "$1"`, unit)
	switch state := strings.TrimSpace(out); {
	case err != nil:
		return failErr("unit "+unit, err)
	case state == "loaded":
		return pass("unit %s is there", unit)
	case state == "not-found":
		return fail("unit %s is not there", unit)
	default:
		return fail("unit %s is %s", unit, brief(state))
	}
}

func lookImage(ctx context.Context, e *Env, image string) verdict {
	m := watcher(e)
	res, err := m.run(ctx, nil, "docker", "image", "inspect", "--format", "{{.Id}}", "--", image)
	switch {
	case err != nil:
		return failErr("image "+image, err)
	case res.Exit == 127:
		return fail("image %s: not known: docker is not installed", brief(image))
	case res.Exit != 0 && strings.Contains(strings.ToLower(string(res.Stderr)), "no such image"):
		return fail("image %s is not there: pull or build it", brief(image))
	case res.Exit != 0:
		return fail("image %s: not known: %s", brief(image), lastLine(res.Stderr))
	}
	return pass("image %s is %s", brief(image), brief(strings.TrimSpace(string(res.Stdout))))
}
