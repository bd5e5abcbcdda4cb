package shell

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts/demo/sim"
	"midwatch/hosts/logline"
)

// journal is one call of journalctl.
type journal struct {
	p        *proc
	opts     map[string]string
	units    []string
	idents   []string
	fields   [][2]string
	priority int
	grep     func(string) bool
	since    time.Time
	until    time.Time
	output   string
	follow   bool
	h        *sim.Host
}

func journalctlProgram(p *proc) int {
	long := []string{
		"--unit", "--output", "--lines", "--since", "--until", "--priority", "--identifier", "--grep", "--after-cursor", "--cursor", "--output-fields", "--user-unit", "--boot-id",
	}
	// -n, -b may stand without a value.
	args := append([]string(nil), p.args[1:]...)
	for i, a := range args {
		if a == "-n" && (i+1 >= len(args) || !isCount(args[i+1])) {
			args[i] = "-n10"
		}
		if a == "-b" && i+1 < len(args) && isBoot(args[i+1]) {
			args[i] = "--boot=" + args[i+1]
			args = append(args[:i+1:i+1], args[i+2:]...)
			break
		}
		if a == "-fu" || a == "-fo" || a == "-fn" {
			args = append(append(append([]string(nil), args[:i]...), "-f", "-"+a[2:]), args[i+1:]...)
			break
		}
	}
	opts, rest, bad := flags(args, "uonSUptgc", long...)
	if bad != "" {
		return p.die(1, "journalctl: option requires an argument -- '%s'", bad[1:])
	}
	j := &journal{p: p, opts: opts, priority: 7, h: p.host(), output: "short"}
	if code := j.read(rest); code != 0 {
		return code
	}
	switch {
	case has(opts, "--list-boots"):
		p.locked(func(h *sim.Host) {
			p.printf(" 0 %s %s—%s\n", h.BootID, sdTime(h, h.Boot), sdTime(h, h.Site.Now()))
		})
		return 0
	case has(opts, "--disk-usage"):
		p.print("Archived and active journals take up 312.0M in the file system.\n")
		return 0
	case !p.root() && !p.user.Cred().In("adm") && !p.user.Cred().In("systemd-journal"):
		if opts["-q"] == "" && !has(opts, "--quiet") {
			p.die(1, "Hint: You are currently not seeing messages from other users and the system.\n      Users in groups 'adm', 'systemd-journal' can see all messages.\n      Pass -q to turn off this notice.")
		}
		return p.die(1, "No journal files were opened due to insufficient permissions.")
	}
	return j.print()
}

func isCount(s string) bool {
	_, err := strconv.Atoi(strings.TrimPrefix(s, "+"))
	return err == nil || s == "all"
}

func isBoot(s string) bool {
	_, err := strconv.Atoi(s)
	return err == nil || len(s) == 32
}

func (j *journal) read(rest []string) int {
	o := j.opts
	for _, k := range []string{"-u", "--unit"} {
		for _, u := range many(o[k]) {
			if !strings.Contains(u, ".") && !strings.ContainsAny(u, "*?[") {
				u += ".service"
			}
			j.units = append(j.units, u)
		}
	}
	j.idents = append(many(o["-t"]), many(o["--identifier"])...)
	for _, f := range rest {
		k, v, ok := strings.Cut(f, "=")
		if !ok {
			return j.p.die(1, "Failed to add match '%s': Invalid argument", f)
		}
		j.fields = append(j.fields, [2]string{k, v})
	}
	if v := o["-o"] + o["--output"]; v != "" {
		j.output = v
	}
	j.follow = o["-f"] != "" || has(o, "--follow")
	if v := last(o["-p"] + o["--priority"]); v != "" {
		n, ok := priorityOf(v[strings.LastIndex(v, "..")+1:])
		if !ok {
			return j.p.die(1, "Unknown log level %s", v)
		}
		j.priority = n
	}
	if v := o["-g"] + o["--grep"]; v != "" {
		re, err := regexp.Compile(v)
		if err != nil {
			return j.p.die(1, "Bad pattern \"%s\": %v", v, err)
		}
		if strings.ToLower(v) == v {
			re = regexp.MustCompile("(?i)" + v)
		}
		j.grep = re.MatchString
		if v == logline.SymptomPattern() {
			// PCRE2 compiles a pattern; Go interprets it, which is too slow for one so long on a journal.
			j.grep = func(line string) bool { return logline.Symptom(line) != "" }
		}
	}
	now := j.p.clock()
	for _, t := range []struct {
		text string
		into *time.Time
	}{{o["-S"] + o["--since"], &j.since}, {o["-U"] + o["--until"], &j.until}} {
		if t.text == "" {
			continue
		}
		at, ok := when(t.text, now)
		if !ok {
			return j.p.die(1, "Failed to parse timestamp: %s", t.text)
		}
		*t.into = at
	}
	return 0
}

func priorityOf(s string) (int, bool) {
	s = strings.TrimPrefix(s, ".")
	for i, n := range []string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"} {
		if s == n || s == strconv.Itoa(i) {
			return i, true
		}
	}
	return 7, false
}

func (j *journal) wants(r sim.Record) bool {
	at := j.h.Local(r.At)
	if r.Priority > j.priority || !j.since.IsZero() && at.Before(j.since) || !j.until.IsZero() && at.After(j.until) {
		return false
	}
	if (j.opts["-k"] != "" || has(j.opts, "--dmesg")) && !r.Kernel {
		return false
	}
	if len(j.units) > 0 && (r.Unit == "" || !matchAny(j.units, r.Unit)) {
		return false
	}
	if len(j.idents) > 0 && !contains(j.idents, r.Ident) {
		return false
	}
	if b := j.opts["--boot"]; b != "" && b != "0" && b != j.h.BootID {
		return false
	}
	for _, f := range j.fields {
		if v, _ := j.doc(r, 0)[f[0]].(string); v != f[1] {
			return false
		}
	}
	return j.grep == nil || j.grep(r.Message)
}

// print shows what is there and then, with -f, what comes.
func (j *journal) print() int {
	log := j.h.Journal
	release := func() {}
	if j.follow {
		release = j.h.Site.Follow()
	}
	defer release()
	j.h.Site.Lock()
	next, first := j.start()
	none := true
	if j.opts["-r"] != "" || has(j.opts, "--reverse") {
		defer j.h.Site.Unlock()
		return j.reverse(first)
	}
	for {
		list := log.From(next)
		base := max(next, log.First())
		next = log.Next()
		wait := log.Wait()
		j.h.Site.Unlock()
		var b strings.Builder
		for i, r := range list {
			n := base + uint64(i) //nolint:gosec // an index
			if n < first || !j.wants(r) {
				continue
			}
			none = false
			b.WriteString(j.line(r, n))
			if b.Len() > 32<<10 {
				if !j.p.print(b.String()) {
					return 141
				}
				b.Reset()
			}
		}
		if b.Len() > 0 && !j.p.print(b.String()) {
			return 141
		}
		if !j.follow {
			break
		}
		select {
		case <-wait:
		case <-j.p.ctx.Done():
			return 130
		}
		j.h.Site.Lock()
	}
	if none && j.output != "json" && j.opts["-q"] == "" && !has(j.opts, "--quiet") {
		j.p.print("-- No entries --\n")
	}
	if has(j.opts, "--show-cursor") && next > 0 {
		j.h.Site.Lock()
		all := log.From(next - 1)
		cur := ""
		if len(all) > 0 {
			cur = j.cursor(all[0], next-1)
		}
		j.h.Site.Unlock()
		if cur != "" {
			j.p.print("-- cursor: " + cur + "\n")
		}
	}
	return 0
}

// reverse prints the newest entries first; the site is locked.
func (j *journal) reverse(first uint64) int {
	log := j.h.Journal
	all := log.All()
	var b strings.Builder
	for i := len(all) - 1; i >= 0; i-- {
		n := log.Next() - uint64(len(all)-i) //nolint:gosec // an index
		if n < first {
			break
		}
		if j.wants(all[i]) {
			b.WriteString(j.line(all[i], n))
		}
	}
	if b.Len() > 0 && !j.p.print(b.String()) {
		return 141
	}
	return 0
}

// start says from which number to read on and which is the first to show; the site is locked.
func (j *journal) start() (next, first uint64) {
	log := j.h.Journal
	first = log.First()
	cursor, after := j.opts["--cursor"]+j.opts["-c"], false
	if v := j.opts["--after-cursor"]; v != "" {
		cursor, after = v, true
	}
	if cursor != "" {
		for _, part := range strings.Split(cursor, ";") {
			if v, ok := strings.CutPrefix(part, "i="); ok {
				if n, err := strconv.ParseUint(v, 16, 64); err == nil {
					if after {
						n++
					}
					first = max(first, n)
				}
			}
		}
	}
	lines := last(j.opts["-n"] + j.opts["--lines"])
	if lines == "" && j.follow && cursor == "" && j.since.IsZero() {
		lines = "10"
	}
	n, err := strconv.Atoi(strings.TrimPrefix(lines, "+"))
	if err != nil {
		return first, first
	}
	all := log.All()
	at := log.Next()
	for i := len(all); i > 0 && n > 0 && at > first; i-- {
		at--
		if j.wants(all[i-1]) {
			n--
		}
	}
	return max(at, first), max(at, first)
}

func (j *journal) line(r sim.Record, n uint64) string {
	switch j.output {
	case "json":
		doc := j.doc(r, n)
		if f := j.opts["--output-fields"]; f != "" {
			keep := map[string]any{}
			for k, v := range doc {
				if strings.HasPrefix(k, "__") || k == "_BOOT_ID" || contains(strings.Split(f, ","), k) {
					keep[k] = v
				}
			}
			doc = keep
		}
		b, err := json.Marshal(doc)
		if err != nil {
			return ""
		}
		return string(b) + "\n"
	case "cat":
		return r.Message + "\n"
	case "short-iso":
		return j.h.Local(r.At).UTC().Format("2006-01-02T15:04:05-0700") + shortTail(j.h, r) + "\n"
	case "short-iso-precise":
		return j.h.Local(r.At).UTC().Format("2006-01-02T15:04:05.000000-0700") + shortTail(j.h, r) + "\n"
	case "short-precise":
		return j.h.Local(r.At).UTC().Format("Jan 02 15:04:05.000000") + shortTail(j.h, r) + "\n"
	case "short-unix":
		return fmt.Sprintf("%.6f", float64(j.h.Local(r.At).UnixMicro())/1e6) + shortTail(j.h, r) + "\n"
	default:
		return shortLine(j.h, r) + "\n"
	}
}

func shortLine(h *sim.Host, r sim.Record) string {
	return h.Local(r.At).UTC().Format("Jan 02 15:04:05") + shortTail(h, r)
}

func shortTail(h *sim.Host, r sim.Record) string {
	pid := ""
	if r.PID > 0 {
		pid = "[" + strconv.Itoa(r.PID) + "]"
	}
	return " " + h.Spec.Name + " " + r.Ident + pid + ": " + r.Message
}

func (j *journal) cursor(r sim.Record, n uint64) string {
	us := uint64(j.h.Local(r.At).UnixMicro())               //nolint:gosec // after 1970
	mu := uint64(max(0, r.At.Sub(j.h.Boot).Microseconds())) //nolint:gosec // not negative
	return fmt.Sprintf("s=%s;i=%x;b=%s;m=%x;t=%x;x=%x", j.h.Site.Hex("journal "+j.h.Spec.Name, 32), n, j.h.BootID, mu, us, us^n<<20)
}

// doc is an entry as -o json prints it.
func (j *journal) doc(r sim.Record, n uint64) map[string]any {
	us := strconv.FormatInt(j.h.Local(r.At).UnixMicro(), 10)
	m := map[string]any{
		"__CURSOR": j.cursor(r, n), "__REALTIME_TIMESTAMP": us, "__MONOTONIC_TIMESTAMP": mono(j.h, r.At), "_BOOT_ID": j.h.BootID,
		"_MACHINE_ID": j.h.ID, "_HOSTNAME": j.h.Spec.Name, "PRIORITY": strconv.Itoa(r.Priority), "SYSLOG_IDENTIFIER": r.Ident,
		"MESSAGE": r.Message, "_SOURCE_REALTIME_TIMESTAMP": us, "SYSLOG_FACILITY": "3",
	}
	switch {
	case r.Kernel:
		m["_TRANSPORT"], m["SYSLOG_FACILITY"] = "kernel", "0"
		return m
	case r.Manager:
		m["_TRANSPORT"], m["_PID"], m["_COMM"], m["_EXE"], m["UNIT"] = "journal", "1", "systemd", "/usr/lib/systemd/systemd", r.Unit
		m["_SYSTEMD_UNIT"], m["_UID"], m["_GID"], m["CODE_FILE"] = "init.scope", "0", "0", "src/core/job.c"
	default:
		m["_TRANSPORT"], m["_PID"], m["_UID"], m["_GID"] = "stdout", strconv.Itoa(r.PID), strconv.Itoa(r.UID), strconv.Itoa(r.UID)
		m["_COMM"], m["_SYSTEMD_UNIT"] = path.Base(r.Ident), r.Unit
		m["_SYSTEMD_CGROUP"], m["_SYSTEMD_SLICE"] = "/system.slice/"+r.Unit, "system.slice"
	}
	for k, v := range r.Extra {
		m[k] = v
	}
	return m
}
