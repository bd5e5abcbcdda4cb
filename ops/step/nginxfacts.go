package step

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"midwatch/hosts"
	"midwatch/hosts/nginx"
	ngxread "midwatch/hosts/nginx/read"
)

// ngxConf is what a reload has to know of a configuration.
type ngxConf struct {
	text     string // of nginx -T
	pidFile  string
	errorLog string // path; "stderr", "syslog" or "memory" when it goes there
	capped   []ngxUpstream
	shutdown string // worker_shutdown_timeout; "" workers wait for their last connection
}

// ngxUpstream is an upstream that counts the connections to its members.
type ngxUpstream struct {
	name    string
	members []string // "unix:/path", "host:port"
}

// readConf takes from the output of nginx -T and nginx -V what a reload has to know.
func readConf(dump, version string) ngxConf {
	cfg := ngxread.ParseDump([]byte(dump))
	prefix := configured(version, "--prefix", "/etc/nginx")
	c := ngxConf{text: dump, pidFile: configured(version, "--pid-path", "/run/nginx.pid"), errorLog: configured(version, "--error-log-path", "/var/log/nginx/error.log")}
	if d := nginx.Last(cfg.Root, "pid"); d != nil {
		c.pidFile = d.Arg(0)
	}
	if d := nginx.Last(cfg.Root, "error_log"); d != nil {
		c.errorLog, _, _ = strings.Cut(d.Arg(0), ":")
	}
	if d := nginx.Last(cfg.Root, "worker_shutdown_timeout"); d != nil {
		c.shutdown = d.Arg(0)
	}
	for _, p := range []*string{&c.pidFile, &c.errorLog} {
		if !path.IsAbs(*p) && *p != "stderr" && *p != "syslog" && *p != "memory" {
			*p = path.Join(prefix, *p)
		}
	}
	for _, u := range nginx.NewHTTP(cfg).Upstreams {
		var members []string
		for _, m := range u.Members {
			if m.MaxConns > 0 {
				members = append(members, m.Address)
			}
		}
		if len(members) > 0 {
			c.capped = append(c.capped, ngxUpstream{u.Name, members})
		}
	}
	slices.SortFunc(c.capped, func(a, b ngxUpstream) int { return strings.Compare(a.name, b.name) })
	return c
}

// configured is an option nginx was built with, as nginx -V prints it.
func configured(version, option, otherwise string) string {
	for _, f := range strings.Fields(version) {
		if v, ok := strings.CutPrefix(f, option+"="); ok {
			return v
		}
	}
	return otherwise
}

// names are the upstreams, for people.
func (c ngxConf) names() string {
	var out []string
	for _, u := range c.capped {
		out = append(out, hosts.CleanLine(u.name))
	}
	return strings.Join(out, ", ")
}

// ngxProcs are the processes of one nginx.
type ngxProcs struct {
	Master  int   `json:"master"`
	Workers []int `json:"workers"` // that take connections
	Ending  []int `json:"ending"`  // that finish their last ones
}

// parseProcs finds the processes of the nginx whose master has this pid in what "ps -o pid,ppid,args" printed;
// master 0 takes the first master of the list.
func parseProcs(ps string, master int) ngxProcs {
	type proc struct {
		pid, parent int
		args        string
	}
	var list []proc
	for line := range strings.Lines(ps) {
		f := strings.Fields(line)
		if len(f) < 3 {
			continue
		}
		pid, err := strconv.Atoi(f[0])
		parent, err2 := strconv.Atoi(f[1])
		if err != nil || err2 != nil {
			continue
		}
		p := proc{pid, parent, strings.Join(f[2:], " ")}
		list = append(list, p)
		if master == 0 && strings.HasPrefix(p.args, "nginx: master process") {
			master = pid
		}
	}
	var out ngxProcs
	for _, p := range list {
		switch {
		case p.pid == master && strings.HasPrefix(p.args, "nginx: master process"):
			out.Master = p.pid
		case p.parent != master:
		case strings.Contains(p.args, "worker process is shutting down"):
			out.Ending = append(out.Ending, p.pid)
		case strings.HasPrefix(p.args, "nginx: worker process"):
			out.Workers = append(out.Workers, p.pid)
		}
	}
	return out
}

// reloaded judges whether the workers of before have given way to others. done is false while it is too early
// to tell.
func reloaded(before, now ngxProcs) (done bool, line string) {
	var fresh, old int
	for _, p := range now.Workers {
		if slices.Contains(before.Workers, p) {
			old++
		} else {
			fresh++
		}
	}
	switch {
	case now.Master == 0:
		return false, "no master process"
	case now.Master != before.Master:
		return false, fmt.Sprintf("another master process, %d, where %d was", now.Master, before.Master)
	case fresh == 0:
		return false, "no new worker process"
	case old > 0:
		return false, fmt.Sprintf("%d of the workers before still take connections", old)
	}
	line = fmt.Sprintf("%d new workers", fresh)
	if fresh == 1 {
		line = "1 new worker"
	}
	if n := len(now.Ending); n > 0 {
		line += fmt.Sprintf(", %d before finish their last connections", n)
	}
	return true, line
}

// emergencies are the lines of an error log that say why a configuration was not taken. final is false while
// there are only failures to bind: nginx tries that five times, half a second apart.
func emergencies(log string) (out []string, final bool) {
	for line := range strings.Lines(log) {
		if strings.Contains(line, "[emerg]") {
			out = append(out, hosts.CleanLine(strings.TrimSpace(line)))
			final = final || !strings.Contains(line, ": bind() to ")
		}
	}
	return out, final
}

// emergency is the cause in a line of the error log, without its time and process.
func emergency(line string) string {
	_, rest, ok := strings.Cut(line, "[emerg] ")
	if !ok {
		return brief(line)
	}
	if _, text, ok := strings.Cut(rest, ": "); ok && strings.ContainsRune(rest[:strings.Index(rest, ": ")], '#') {
		rest = text
	}
	return "[emerg] " + hosts.CleanLine(strings.TrimSpace(rest))
}

// testFault is why nginx -t refuses a configuration: its first error, not the summary behind it.
func testFault(out string) string {
	for line := range strings.Lines(out) {
		if strings.Contains(line, "[emerg]") || strings.Contains(line, "[alert]") {
			return emergency(strings.TrimSpace(line))
		}
	}
	return lastLine([]byte(out))
}

// countBusy counts the connections to members of upstreams in what ss printed of established TCP and unix
// sockets.
func countBusy(ss string, ups []ngxUpstream) (n int, detail []string) {
	at := map[string]int{}
	for line := range strings.Lines(ss) {
		f := strings.Fields(line)
		for _, u := range ups {
			for _, m := range u.members {
				if p, unix := strings.CutPrefix(m, "unix:"); unix && slices.Contains(f, p) || !unix && len(f) >= 4 && f[len(f)-1] == m {
					at[m]++
				}
			}
		}
	}
	for _, m := range sortedKeys(at) {
		n += at[m]
		detail = append(detail, fmt.Sprintf("%s: %d", hosts.CleanLine(m), at[m]))
	}
	return n, detail
}
