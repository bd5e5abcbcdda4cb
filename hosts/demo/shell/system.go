package shell

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts/demo/sim"
)

// followEvery is how often something is looked at that cannot wake its reader: tail -f's interval.
const followEvery = time.Second

// locked runs fn with the site locked. What fn prints is kept until the lock is given back: a reader
// that has stopped reading must not stop the site.
func (p *proc) locked(fn func(h *sim.Host)) {
	out, errs := p.out, p.err
	var ob, eb bytes.Buffer
	p.out, p.err = &ob, &eb
	h := p.host()
	h.Site.Lock()
	fn(h)
	h.Site.Unlock()
	p.out, p.err = out, errs
	if eb.Len() > 0 {
		_, _ = p.err.Write(eb.Bytes())
	}
	if ob.Len() > 0 {
		p.print(ob.String())
	}
}

func unameProgram(p *proc) int {
	opts, _, _ := flags(p.args[1:], "")
	s := p.host().Spec
	all := opts["-a"] != ""
	var f []string
	add := func(flag, v string, def bool) {
		if all || opts[flag] != "" || def && len(opts) == 0 {
			f = append(f, v)
		}
	}
	add("-s", "Linux", true)
	add("-n", p.m.hostname(), false)
	add("-r", s.Kernel, false)
	add("-v", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.112-1 (2024-09-30)", false)
	add("-m", s.Arch, false)
	if opts["-o"] != "" || all {
		f = append(f, "GNU/Linux")
	}
	p.print(strings.Join(f, " ") + "\n")
	return 0
}

func archProgram(p *proc) int { p.print(p.host().Spec.Arch + "\n"); return 0 }

func hostnameProgram(p *proc) int {
	opts, _, _ := flags(p.args[1:], "")
	if opts["-I"] != "" || opts["-i"] != "" {
		p.print(strings.Join(append([]string{p.host().Spec.Addr}, p.host().Spec.Extra...), " ") + "\n")
		return 0
	}
	p.print(p.m.hostname() + "\n")
	return 0
}

func nprocProgram(p *proc) int {
	p.print(strconv.Itoa(p.host().Spec.CPUs) + "\n")
	return 0
}

func whoamiProgram(p *proc) int { p.print(p.user.Name + "\n"); return 0 }

func groupsProgram(p *proc) int { p.print(strings.Join(p.user.Groups, " ") + "\n"); return 0 }

func idProgram(p *proc) int {
	opts, names, _ := flags(p.args[1:], "")
	u, h := p.user, p.host()
	if len(names) > 0 {
		other, ok := p.m.user(names[0])
		if !ok {
			return p.die(1, "id: ‘%s’: no such user", names[0])
		}
		u = other
	}
	name := opts["-n"] != ""
	group := func(g string) string {
		if name {
			return g
		}
		return strconv.Itoa(h.GID(g))
	}
	switch {
	case opts["-u"] != "" && name:
		p.print(u.Name + "\n")
	case opts["-u"] != "":
		p.printf("%d\n", u.UID)
	case opts["-g"] != "":
		p.print(group(u.Groups[0]) + "\n")
	case opts["-G"] != "":
		var out []string
		for _, g := range u.Groups {
			out = append(out, group(g))
		}
		p.print(strings.Join(out, " ") + "\n")
	default:
		var gs []string
		for _, g := range u.Groups {
			gs = append(gs, fmt.Sprintf("%d(%s)", h.GID(g), g))
		}
		p.printf("uid=%d(%s) gid=%d(%s) groups=%s\n", u.UID, u.Name, h.GID(u.Groups[0]), u.Groups[0], strings.Join(gs, ","))
	}
	return 0
}

// dateProgram prints the host's own clock, in UTC.
func dateProgram(p *proc) int {
	opts, rest, _ := flags(p.args[1:], "d", "--date")
	t := p.clock().UTC()
	if d := opts["-d"] + opts["--date"]; d != "" {
		when, ok := when(d, t)
		if !ok {
			return p.die(1, "date: invalid date ‘%s’", d)
		}
		t = when.UTC()
	}
	format := "+%a %b %e %H:%M:%S UTC %Y"
	if len(rest) > 0 {
		format = rest[0]
	}
	if has(opts, "--iso-8601") || opts["-I"] != "" {
		format = "+%Y-%m-%d"
	}
	p.print(strftime(strings.TrimPrefix(format, "+"), t) + "\n")
	return 0
}

func strftime(format string, t time.Time) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 >= len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		width := ""
		for i+1 < len(format) && format[i] >= '0' && format[i] <= '9' {
			width += string(format[i])
			i++
		}
		b.WriteString(strftimeOne(format[i], width, t))
	}
	return b.String()
}

func strftimeOne(c byte, width string, t time.Time) string {
	layouts := map[byte]string{
		'Y': "2006", 'm': "01", 'd': "02", 'H': "15", 'M': "04", 'S': "05", 'e': "_2", 'a': "Mon", 'b': "Jan", 'y': "06",
		'F': "2006-01-02", 'T': "15:04:05", 'A': "Monday", 'B': "January", 'R': "15:04", 'I': "03", 'p': "PM", 'D': "01/02/06",
	}
	switch c {
	case 's':
		return strconv.FormatInt(t.Unix(), 10)
	case 'N':
		ns := fmt.Sprintf("%09d", t.Nanosecond())
		if n, err := strconv.Atoi(width); err == nil && n > 0 && n < 9 {
			return ns[:n]
		}
		return ns
	case 'Z':
		return "UTC"
	case 'z':
		return "+0000"
	case 'j':
		return fmt.Sprintf("%03d", t.YearDay())
	case 'u':
		return strconv.Itoa((int(t.Weekday())+6)%7 + 1)
	case 'n':
		return "\n"
	case 't':
		return "\t"
	case '%':
		return "%"
	}
	if l, ok := layouts[c]; ok {
		return t.Format(l)
	}
	return "%" + string(c)
}

// when reads the times that journalctl and date take: "2 hours ago", "-15min", "@SECONDS",
// "2026-01-02 15:04:05", "today", "now".
func when(s string, now time.Time) (time.Time, bool) {
	s = strings.TrimSpace(s)
	switch s {
	case "now", "":
		return now, s != ""
	case "today":
		return now.Truncate(24 * time.Hour), true
	case "yesterday":
		return now.Truncate(24 * time.Hour).Add(-24 * time.Hour), true
	}
	if rest, ok := strings.CutPrefix(s, "@"); ok {
		sec, frac, _ := strings.Cut(rest, ".")
		n, err := strconv.ParseInt(sec, 10, 64)
		ns, _ := strconv.ParseInt((frac + "000000000")[:9], 10, 64)
		return time.Unix(n, ns), err == nil
	}
	if rest, ok := strings.CutSuffix(s, " ago"); ok {
		d, ok := span(rest)
		return now.Add(-d), ok
	}
	if s[0] == '-' || s[0] == '+' {
		d, ok := span(s[1:])
		if s[0] == '-' {
			d = -d
		}
		return now.Add(d), ok
	}
	s = strings.TrimSuffix(s, " UTC")
	for _, layout := range []string{
		time.RFC3339Nano, "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04", "2006-01-02",
	} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// span reads systemd's time spans: "5min", "2h 30min", "90", "1 day".
func span(s string) (time.Duration, bool) {
	total, found := time.Duration(0), false
	s = strings.TrimSpace(s)
	for s != "" {
		i := 0
		for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == '.') {
			i++
		}
		n, err := strconv.ParseFloat(s[:i], 64)
		if err != nil {
			return 0, false
		}
		s = strings.TrimLeft(s[i:], " ")
		j := 0
		for j < len(s) && s[j] >= 'a' && s[j] <= 'z' {
			j++
		}
		unit, ok := map[string]time.Duration{
			"": time.Second, "s": time.Second, "sec": time.Second, "second": time.Second, "seconds": time.Second, "m": time.Minute, "min": time.Minute,
			"minute": time.Minute, "minutes": time.Minute, "h": time.Hour, "hr": time.Hour, "hour": time.Hour, "hours": time.Hour, "d": 24 * time.Hour,
			"day": 24 * time.Hour, "days": 24 * time.Hour, "w": 168 * time.Hour, "week": 168 * time.Hour, "weeks": 168 * time.Hour, "ms": time.Millisecond,
		}[s[:j]]
		if !ok {
			return 0, false
		}
		total += time.Duration(n * float64(unit))
		s, found = strings.TrimLeft(s[j:], " "), true
	}
	return total, found
}

func uptimeProgram(p *proc) int {
	p.locked(func(h *sim.Host) {
		up, l := h.Uptime(), h.LoadAvg()
		days, hm := int(up.Hours())/24, fmt.Sprintf("%d:%02d", int(up.Hours())%24, int(up.Minutes())%60)
		p.printf(" %s up %d days, %5s,  1 user,  load average: %.2f, %.2f, %.2f\n", h.Clock().UTC().Format("15:04:05"), days, hm, l[0], l[1], l[2])
	})
	return 0
}

func freeProgram(p *proc) int {
	opts, _, _ := flags(p.args[1:], "s")
	div := uint64(1024)
	switch {
	case opts["-b"] != "":
		div = 1
	case opts["-m"] != "":
		div = 1 << 20
	case opts["-g"] != "":
		div = 1 << 30
	}
	p.locked(func(h *sim.Host) {
		total, avail := h.Spec.Mem/div, h.MemAvailable()/div
		free := avail * 2 / 5
		p.printf("               total        used        free      shared  buff/cache   available\n")
		p.printf("Mem:    %12d%12d%12d%12d%12d%12d\n", total, total-avail, free, total/200, avail-free, avail)
		sw := h.Spec.Swap / div
		p.printf("Swap:   %12d%12d%12d\n", sw, sw*3/100, sw-sw*3/100)
	})
	return 0
}

// human is a size as df -h prints it.
func human(n uint64) string {
	f, units := float64(n), "KMGTP"
	if n < 1024 {
		return strconv.FormatUint(n, 10)
	}
	i := -1
	for f >= 1024 && i < len(units)-1 {
		f /= 1024
		i++
	}
	if f < 10 {
		return fmt.Sprintf("%.1f%c", f, units[i])
	}
	return fmt.Sprintf("%.0f%c", f, units[i])
}

// remoteFS are the file systems df -l leaves out.
func remoteFS(t string) bool {
	return strings.HasPrefix(t, "nfs") || t == "cifs" || t == "smb3" || strings.HasPrefix(t, "fuse.sshfs") || t == "ceph" || t == "9p"
}

// dfProgram is df with -P -T -B1 -k -h -i -l -a and paths.
func dfProgram(p *proc) int {
	opts, names, _ := flags(p.args[1:], "Btx", "--block-size", "--output", "--type")
	var disks []sim.Disk
	hung := false
	p.locked(func(h *sim.Host) {
		for _, d := range h.Disks() {
			if opts["-l"] != "" && remoteFS(d.Type) {
				continue
			}
			if h.Hangs(d.Mount) {
				hung = hung || len(names) == 0 || contains(names, d.Mount)
			}
			disks = append(disks, d)
		}
	})
	if hung {
		<-p.ctx.Done() // a dead server: df is stuck in the kernel
		return 137
	}
	if len(names) > 0 {
		var some []sim.Disk
		code := 0
		for _, n := range names {
			d, ok := diskOf(disks, p.abs(n))
			if !p.m.exists(p.abs(n)) || !ok {
				code = p.die(1, "df: %s: No such file or directory", n)
				continue
			}
			some = append(some, d)
		}
		if len(some) == 0 {
			return code
		}
		disks = some
	}
	p.dfPrint(disks, opts)
	return 0
}

func diskOf(disks []sim.Disk, name string) (sim.Disk, bool) {
	best, ok := sim.Disk{}, false
	for _, d := range disks {
		if d.Mount == name || d.Mount == "/" || strings.HasPrefix(name, d.Mount+"/") {
			if !ok || len(d.Mount) > len(best.Mount) {
				best, ok = d, true
			}
		}
	}
	return best, ok
}

func (p *proc) dfPrint(disks []sim.Disk, opts map[string]string) {
	unit, title := uint64(1024), "1K-blocks"
	if opts["-P"] != "" {
		title = "1024-blocks"
	}
	if b := opts["-B"] + opts["--block-size"]; b != "" {
		if n, err := strconv.ParseUint(b, 10, 64); err == nil && n > 0 {
			unit, title = n, b+"-blocks"
			if n == 1 && opts["-P"] == "" {
				title = "1B-blocks"
			}
		}
	}
	show := func(n uint64) string { return strconv.FormatUint((n+unit-1)/unit, 10) }
	if opts["-h"] != "" {
		title, show = "Size", human
	}
	use := "Use%"
	if opts["-P"] != "" {
		use = "Capacity"
	}
	rows := [][]string{{"Filesystem", title, "Used", "Available", use, "Mounted on"}}
	if opts["-i"] != "" {
		rows = [][]string{{"Filesystem", "Inodes", "IUsed", "IFree", "IUse%", "Mounted on"}}
	}
	for _, d := range disks {
		row := []string{d.Device, show(d.Size), show(d.Used), show(d.Avail), percent(d.Used, d.Avail), d.Mount}
		if opts["-i"] != "" {
			row = []string{d.Device, strconv.FormatUint(d.Inodes, 10), strconv.FormatUint(d.InodesUsed, 10), strconv.FormatUint(d.Inodes-d.InodesUsed, 10), "-", d.Mount}
			if d.Inodes > 0 {
				row[4] = percent(d.InodesUsed, d.Inodes-d.InodesUsed)
			}
		}
		rows = append(rows, row)
	}
	if opts["-T"] != "" {
		for i := range rows {
			t := "Type"
			if i > 0 {
				t = disks[i-1].Type
			}
			rows[i] = append([]string{rows[i][0], t}, rows[i][1:]...)
		}
	}
	p.print(columns(rows, opts["-T"] != ""))
}

func percent(used, avail uint64) string {
	if used+avail == 0 {
		return "-"
	}
	return strconv.FormatUint((used*100+used+avail-1)/(used+avail), 10) + "%"
}

// columns pads rows: the first column (and the second when it is a type) to the left, numbers to
// the right, the last as it is.
func columns(rows [][]string, typed bool) string {
	width := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, c := range r {
			width[i] = max(width[i], len(c))
		}
	}
	var b strings.Builder
	for _, r := range rows {
		for i, c := range r {
			switch {
			case i == len(r)-1:
				b.WriteString(c)
			case i == 0 || i == 1 && typed:
				b.WriteString(c + strings.Repeat(" ", width[i]-len(c)+1))
			default:
				b.WriteString(strings.Repeat(" ", width[i]-len(c)) + c + " ")
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func virtProgram(p *proc) int {
	v := p.host().Spec.Virt
	if v == "" {
		p.print("none\n")
		return 1
	}
	p.print(v + "\n")
	return 0
}

func getentProgram(p *proc) int {
	if len(p.args) < 3 {
		return p.die(1, "getent: wrong number of arguments")
	}
	db, key := p.args[1], p.args[2]
	found := ""
	switch db {
	case "hosts", "ahosts", "ahostsv4":
		p.locked(func(h *sim.Host) {
			if a, ok := h.Site.Resolve(key); ok {
				found = fmt.Sprintf("%-15s %s\n", a, key)
			}
		})
	case "passwd", "group":
		data, _ := p.m.fs().ReadFile(p.cred(), "/etc/"+db)
		for _, l := range splitLines(data) {
			if f := strings.Split(l, ":"); f[0] == key || len(f) > 2 && f[2] == key {
				found = l + "\n"
			}
		}
	}
	if found == "" {
		return 2
	}
	p.print(found)
	return 0
}

func mountProgram(p *proc) int {
	data, _ := p.read("/proc/mounts")
	for _, l := range splitLines(data) {
		if f := strings.Fields(l); len(f) >= 4 {
			p.printf("%s on %s type %s (%s)\n", f[0], f[1], f[2], f[3])
		}
	}
	return 0
}

func findmntProgram(p *proc) int {
	opts, names, _ := flags(p.args[1:], "oTt", "--target", "--output")
	data, _ := p.read("/proc/mounts")
	if opts["-n"] == "" {
		p.print("TARGET SOURCE FSTYPE OPTIONS\n")
	}
	target := opts["-T"] + opts["--target"]
	best := ""
	for _, l := range splitLines(data) {
		f := strings.Fields(l)
		if len(f) < 4 {
			continue
		}
		row := f[1] + " " + f[0] + " " + f[2] + " " + f[3] + "\n"
		switch {
		case target != "":
			if f[1] == "/" || target == f[1] || strings.HasPrefix(target, f[1]+"/") {
				best = row
			}
		case len(names) == 0 || names[0] == f[1]:
			p.print(row)
		}
	}
	p.print(best)
	return 0
}

// ipProgram is ip addr, also -o and -j less.
func ipProgram(p *proc) int {
	s := p.host().Spec
	rows := [][3]string{{"lo", "inet", "127.0.0.1/8 scope host lo"}, {"lo", "inet6", "::1/128 scope host"}}
	for _, a := range append([]string{s.Addr}, s.Extra...) {
		rows = append(rows, [3]string{"eth0", "inet", a + "/24 brd " + a[:strings.LastIndexByte(a, '.')+1] + "255 scope global eth0"})
	}
	p.locked(func(h *sim.Host) {
		for _, n := range h.Networks {
			if n.Driver == "bridge" && n.Gateway != "" {
				name := "br-" + n.ID[:12]
				if n.Name == "bridge" {
					name = "docker0"
				}
				rows = append(rows, [3]string{name, "inet", n.Gateway + "/16 brd " + n.Gateway + " scope global " + name})
			}
		}
	})
	number := map[string]int{}
	for _, r := range rows {
		if number[r[0]] == 0 {
			number[r[0]] = len(number) + 1
		}
		p.printf("%d: %s    %s %s\\       valid_lft forever preferred_lft forever\n", number[r[0]], r[0], r[1], r[2])
	}
	return 0
}

func dmesgProgram(p *proc) int {
	if !p.root() {
		return p.die(1, "dmesg: read kernel buffer failed: Operation not permitted")
	}
	var b strings.Builder
	p.locked(func(h *sim.Host) {
		for _, r := range h.Journal.All() {
			if r.Kernel {
				fmt.Fprintf(&b, "[%12.6f] %s\n", r.At.Sub(h.Boot).Seconds(), r.Message)
			}
		}
	})
	p.print(b.String())
	return 0
}

// psProgram is ps aux, ps -ef and ps -o COLUMNS [-p PID] [-C NAME].
func psProgram(p *proc) int {
	args := append([]string(nil), p.args[1:]...)
	for i, a := range args {
		if a == "aux" || a == "auxww" || a == "ax" {
			args[i] = "-x"
		}
	}
	opts, _, _ := flags(args, "oCpu", "--sort")
	var b strings.Builder
	found := false
	p.locked(func(h *sim.Host) {
		now := h.Site.Now()
		list := h.Processes()
		if p.m.C != nil {
			list = []sim.Process{{User: "root", PID: 1, CPU: p.m.C.CPU(), Mem: p.m.C.Memory(), Start: p.m.C.Started, Args: p.m.C.Args(), C: p.m.C}}
		}
		cols := strings.Split(opts["-o"], ",")
		for i := range cols {
			cols[i] = strings.TrimSuffix(cols[i], "=")
		}
		switch {
		case opts["-o"] != "":
			if !strings.HasSuffix(opts["-o"], "=") {
				b.WriteString(strings.ToUpper(strings.Join(cols, " ")) + "\n")
			}
		case opts["-e"] != "" || opts["-f"] != "":
			b.WriteString("UID          PID    PPID  C STIME TTY          TIME CMD\n")
		default:
			b.WriteString("USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND\n")
		}
		for _, x := range list {
			if pid := last(opts["-p"]); pid != "" && !contains(strings.Split(pid, ","), strconv.Itoa(x.PID)) {
				continue
			}
			if c := opts["-C"]; c != "" && x.Comm() != c {
				continue
			}
			found = true
			b.WriteString(psRow(x, cols, opts, now, h.Spec.Mem) + "\n")
		}
	})
	p.print(b.String())
	if !found {
		return 1
	}
	return 0
}

// row is a process as the options want it shown.
func psRow(x sim.Process, cols []string, opts map[string]string, now time.Time, total uint64) string {
	args, unit := strings.Join(x.Args, " "), ""
	if x.Unit != nil {
		unit = x.Unit.Spec.Name
	}
	memory := float64(x.Mem) / float64(total) * 100
	switch {
	case opts["-o"] != "":
		var f []string
		for _, c := range cols {
			f = append(f, map[string]string{
				"pid": strconv.Itoa(x.PID), "ppid": strconv.Itoa(x.PPID), "user": x.User, "args": args, "cmd": args, "comm": x.Comm(),
				"command": args, "pcpu": fmt.Sprintf("%.1f", x.CPU), "%cpu": fmt.Sprintf("%.1f", x.CPU), "pmem": fmt.Sprintf("%.1f", memory),
				"%mem": fmt.Sprintf("%.1f", memory), "rss": strconv.FormatUint(x.Mem/1024, 10), "unit": unit, "stat": "Ssl", "state": "S",
				"etimes": strconv.Itoa(int(now.Sub(x.Start).Seconds())), "lstart": x.Start.UTC().Format("Mon Jan _2 15:04:05 2006"),
				"wchan": "ep_pol", "tty": "?", "vsz": strconv.FormatUint(x.Mem/256, 10),
			}[strings.TrimSpace(c)])
		}
		return strings.Join(f, " ")
	case opts["-e"] != "" || opts["-f"] != "":
		return fmt.Sprintf("%-8s %7d %7d %2d %s ?        %s %s", x.User, x.PID, x.PPID, int(x.CPU), x.Start.UTC().Format("15:04"), "00:00:04", args)
	default:
		return fmt.Sprintf("%-8s %7d %4.1f %4.1f %6d %5d ?        Ssl  %s   0:04 %s", x.User, x.PID, x.CPU, memory, x.Mem/256, x.Mem/1024, x.Start.UTC().Format("15:04"), args)
	}
}

func pgrepProgram(p *proc) int {
	opts, names, _ := flags(p.args[1:], "u")
	if len(names) == 0 {
		return p.die(2, "pgrep: no matching criteria specified")
	}
	code := 1
	p.locked(func(h *sim.Host) {
		for _, x := range h.Processes() {
			what := x.Comm()
			if opts["-f"] != "" {
				what = strings.Join(x.Args, " ")
			}
			if strings.Contains(what, names[0]) {
				code = 0
				if opts["-a"] != "" {
					p.printf("%d %s\n", x.PID, strings.Join(x.Args, " "))
				} else {
					p.printf("%d\n", x.PID)
				}
			}
		}
	})
	return code
}

// killProgram signals the main process of a unit or container by its number.
func killProgram(p *proc) int {
	sig, pids := "TERM", []int{}
	for i := 1; i < len(p.args); i++ {
		a := p.args[i]
		switch {
		case a == "-s" && i+1 < len(p.args):
			i++
			sig = p.args[i]
		case strings.HasPrefix(a, "-") && len(a) > 1:
			sig = a[1:]
		default:
			n, err := strconv.Atoi(a)
			if err != nil {
				return p.die(1, "kill: illegal pid: %s", a)
			}
			pids = append(pids, n)
		}
	}
	sig = signalName(sig)
	code := 0
	p.locked(func(h *sim.Host) {
		for _, pid := range pids {
			if p.m.Table.kill(pid, sig) {
				continue
			}
			if !p.signal(h, pid, sig) {
				code = 1
			}
		}
	})
	return code
}

func signalName(s string) string {
	s = strings.TrimPrefix(strings.ToUpper(s), "SIG")
	if n, ok := map[string]string{"9": "KILL", "15": "TERM", "1": "HUP", "2": "INT", "3": "QUIT", "10": "USR1", "12": "USR2", "0": "0"}[s]; ok {
		return n
	}
	return s
}

func (p *proc) signal(h *sim.Host, pid int, sig string) bool {
	for _, u := range h.Units {
		if u.PID == pid && pid != 0 {
			if !p.root() && p.user.Name != u.Spec.User {
				p.die(1, "kill: (%d) - Operation not permitted", pid)
				return false
			}
			if sig != "0" {
				u.Signal(sig)
			}
			return true
		}
	}
	for _, c := range h.Containers {
		if c.PID == pid && pid != 0 {
			if !p.root() {
				p.die(1, "kill: (%d) - Operation not permitted", pid)
				return false
			}
			if sig == "KILL" || sig == "TERM" {
				c.Fail(137)
			}
			return true
		}
	}
	p.die(1, "kill: (%d) - No such process", pid)
	return false
}
