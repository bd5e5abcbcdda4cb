package step

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"midwatch/hosts"
)

// item is one thing that rsync does or would do, as it itemizes it.
type item struct {
	Path    string // relative to the directory; a directory's ends with a slash; "./" is the directory itself
	What    string // the eleven letters of %i
	Size    int64
	Created bool
	Deleted bool
}

// dir reports a directory.
func (i item) dir() bool { return strings.HasSuffix(i.Path, "/") }

// itemPrefix begins a line that itemizes, to tell it from everything else that rsync prints.
const itemPrefix = "mw:"

// rsyncFormat is what --out-format is given: what, size, name.
const rsyncFormat = "--out-format=" + itemPrefix + "%i %l %n"

// parseItem reads a line of rsync's output; ok is false for a line that itemizes nothing.
func parseItem(line string) (it item, ok bool) {
	rest, ok := strings.CutPrefix(line, itemPrefix)
	if !ok || len(rest) < 13 {
		return it, false
	}
	it.What = rest[:11]
	size, name, ok := strings.Cut(strings.TrimLeft(rest[11:], " "), " ")
	if !ok {
		return it, false
	}
	it.Size, _ = strconv.ParseInt(strings.ReplaceAll(size, ",", ""), 10, 64)
	it.Path = unescapeRsync(name)
	it.Deleted = strings.HasPrefix(it.What, "*deleting")
	it.Created = strings.HasSuffix(it.What, "+++++++++")
	if it.dir() || it.Deleted {
		it.Size = 0
	}
	return it, it.Path != ""
}

var rsyncEscape = regexp.MustCompile(`\\#[0-7]{3}`)

// unescapeRsync reads names in which rsync writes bytes it does not print as \#ooo.
func unescapeRsync(s string) string {
	return rsyncEscape.ReplaceAllStringFunc(s, func(e string) string {
		n, err := strconv.ParseUint(e[2:], 8, 8)
		if err != nil {
			return e
		}
		return string([]byte{byte(n)})
	})
}

// listing is what a run of rsync itemized.
type listing []item

// count says how many things change, are new and are deleted, directories aside, and how much is to be sent.
func (l listing) count() (changed, created, deleted int, bytes int64) {
	for _, i := range l {
		switch {
		case i.Deleted:
			deleted++
		case i.dir():
		case i.Created:
			created++
		default:
			changed++
		}
		if strings.HasPrefix(i.What, "<f") || strings.HasPrefix(i.What, ">f") {
			bytes += i.Size
		}
	}
	return changed, created, deleted, bytes
}

// line is a listing for a plan.
func (l listing) line() string {
	changed, created, deleted, bytes := l.count()
	if len(l) == 0 {
		return "nothing to change"
	}
	dirs := 0
	for _, i := range l {
		if i.dir() && !i.Deleted {
			dirs++
		}
	}
	text := fmt.Sprintf("~ %d files (%d changed, %d new, %d deleted), %s", changed+created+deleted, changed, created, deleted, size(bytes))
	if dirs > 0 {
		text += fmt.Sprintf(", %d directories", dirs)
	}
	return text
}

// size is a number of bytes for people.
func size(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	f, i := float64(n), -1
	for f >= unit && i < 4 {
		f, i = f/unit, i+1
	}
	return fmt.Sprintf("%.1f %ciB", f, "KMGTP"[i])
}

// detail lists everything, one a line.
func (l listing) detail(title string) Detail {
	var b strings.Builder
	for n, i := range l {
		if n == maxDiff {
			fmt.Fprintf(&b, "  … %d more\n", len(l)-n)
			break
		}
		sign, why := "  ", ""
		switch {
		case i.Deleted:
			sign = "- "
		case i.Created:
			sign = "+ "
		default:
			why = "  (" + itemWords(i.What) + ")"
		}
		b.WriteString(sign + hosts.CleanLine(i.Path) + why + "\n")
	}
	return Detail{Title: title, Text: strings.TrimSuffix(b.String(), "\n"), Diff: true}
}

// itemWords says what rsync changes of something that is there: the letters behind the kind (rsync(1),
// --itemize-changes).
func itemWords(what string) string {
	names := []struct {
		at   int
		word string
	}{{2, "content"}, {3, "size"}, {4, "time"}, {5, "mode"}, {6, "owner"}, {7, "group"}, {9, "acl"}, {10, "attributes"}}
	var out []string
	if strings.ContainsRune("<>", rune(what[0])) && what[2] != 'c' {
		out = append(out, "content")
	}
	for _, n := range names {
		if n.at < len(what) && !strings.ContainsRune(". ", rune(what[n.at])) {
			out = append(out, n.word)
		}
	}
	if len(out) == 0 {
		return "as it is"
	}
	return strings.Join(out, ", ")
}

// digest is a stable word for a listing: what is touched, how, and how large what is sent is.
func (l listing) digest() string {
	lines := make([]string, len(l))
	for i, it := range l {
		lines[i] = fmt.Sprintf("%s %d %s", it.What[1:], it.Size, it.Path) // the first letter is the direction
	}
	slices.Sort(lines)
	return digest([]byte(strings.Join(lines, "\n")))
}

// rsync is one run of the system's rsync on this machine, to a directory here or on the host.
type rsync struct {
	from, to string // directories; both get a trailing slash
	flags    []string
	dry      bool
	sudo     bool // the other end is root
	quiet    bool // says no names while it goes
}

// needs is what the rsync of a machine must be. openrsync itemizes differently.
var rsyncVersion = regexp.MustCompile(`^rsync +version v?(\d+)\.(\d+)`)

// hasRsync reports that a machine has an rsync that will do, and if not, why.
func (m machine) hasRsync(ctx context.Context) (why string, err error) {
	m.sudo = false
	res, err := m.run(ctx, nil, "rsync", "--version")
	switch {
	case err != nil:
		return "", err
	case res.Exit != 0:
		return m.name + ": rsync is not installed: install it", nil
	}
	v := rsyncVersion.FindStringSubmatch(string(res.Stdout))
	if v == nil {
		return m.name + ": its rsync is another program of that name: install rsync 3.1 or newer", nil
	}
	major, _ := strconv.Atoi(v[1])
	minor, _ := strconv.Atoi(v[2])
	if major < 3 || major == 3 && minor < 1 {
		return fmt.Sprintf("%s: rsync %s.%s is too old: install 3.1 or newer", m.name, v[1], v[2]), nil
	}
	return "", nil
}

// run runs rsync here, over the connection that is open where the host is another machine (E2), and returns
// what it itemized.
func (r rsync) run(ctx context.Context, e *Env) (listing, error) {
	argv := append([]string{"rsync", "--secluded-args", "--timeout=120", "--outbuf=L", rsyncFormat}, r.flags...)
	if r.dry {
		argv = append(argv, "--dry-run")
	} else {
		argv = append(argv, "--info=progress2", "--no-human-readable")
	}
	to := slash(r.to)
	if sameMachine(e) {
		if r.sudo {
			return nil, refused("%s: %s cannot be written as root from here: use mode staged", hostName(e), hosts.CleanLine(r.to))
		}
	} else {
		if e.Rsh == nil {
			return nil, refused("%s: there is no way for rsync to it: use mode release", hostName(e))
		}
		dial, asRoot := e.Rsh, false
		if r.sudo && e.RshRoot != nil {
			dial, asRoot = e.RshRoot, true
		}
		rsh, remote, stop, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		defer stop()
		argv = append(argv, "-e", rsh)
		if r.sudo && !asRoot {
			argv = append(argv, "--rsync-path=sudo -n rsync")
		}
		to = remote + ":" + to
	}
	argv = append(argv, "--", slash(r.from), to)
	s, err := e.Local.Stream(ctx, hosts.Cmd{Argv: argv})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	items := r.read(e, s)
	res, err := s.Wait()
	if err != nil {
		return items, err
	}
	err = rsyncFault(hostName(e), r.to, res)
	if err != nil && !sameMachine(e) && shellLost(res) {
		err = fmt.Errorf("%w: %w", hosts.ErrClosed, err) // the way to the host is cut: that says nothing about it
	}
	return items, err
}

// shellLost reports an rsync that ended because its remote shell did: by the shell's exit status, or, when rsync saw
// the broken pipe first, by the shell's own words.
func shellLost(res hosts.Result) bool {
	return res.Exit == 255 || strings.Contains("\n"+string(res.Stderr), "\nmidwatch: ")
}

func slash(dir string) string {
	if dir == "/" {
		return dir
	}
	return path.Clean(dir) + "/"
}

var progressLine = regexp.MustCompile(`^\s*([0-9]+)\s+([0-9]+)%`)

// read takes the items and the progress out of what rsync prints.
func (r rsync) read(e *Env, from io.Reader) listing {
	var items listing
	sc := bufio.NewScanner(from)
	sc.Buffer(make([]byte, 64<<10), 1<<20)
	sc.Split(splitProgress)
	for sc.Scan() {
		line := sc.Text()
		if it, ok := parseItem(line); ok {
			items = append(items, it)
			if !r.dry && !r.quiet {
				say(e, it.What+" "+it.Path, false)
			}
			continue
		}
		if m := progressLine.FindStringSubmatch(line); m != nil && e.Emit != nil {
			done, _ := strconv.ParseInt(m[1], 10, 64)
			percent, _ := strconv.ParseInt(m[2], 10, 64)
			o := Output{Done: done}
			if percent > 0 {
				o.Total = done * 100 / percent
			}
			e.Emit(o)
		}
	}
	_, _ = io.Copy(io.Discard, from) // a line that was too long does not stop rsync
	return items
}

// splitProgress splits at line ends and at the carriage returns of a progress line.
func splitProgress(data []byte, atEOF bool) (advance int, token []byte, err error) {
	for i, c := range data {
		if c == '\n' || c == '\r' {
			return i + 1, data[:i], nil
		}
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// rsyncFault says what an exit status of rsync means (rsync(1), EXIT VALUES).
func rsyncFault(host, to string, res hosts.Result) error {
	if res.Exit == 0 {
		return nil
	}
	f := &failure{host, "rsync to " + hosts.CleanLine(to), res}
	// The last line says only that there was an error; the first says which.
	for line := range strings.SplitSeq(string(res.Stderr), "\n") {
		if strings.Contains(line, "rsync") {
			f.res.Stderr = []byte(line)
			break
		}
	}
	switch res.Exit {
	case 25:
		return refused("%s: rsync to %s stopped deleting at the limit: look at the plan and raise delete.max", host, hosts.CleanLine(to))
	case 30, 35:
		return fmt.Errorf("%s: rsync to %s: %w", host, hosts.CleanLine(to), hosts.ErrTimeout)
	}
	if strings.Contains(string(res.Stderr), "sudo:") {
		return &refusal{host + ": sudo does not let this login run rsync without a password: allow it in sudoers, or use mode staged", errors.Join(hosts.ErrNoSudo, f)}
	}
	return machine{name: host}.explain(f)
}
