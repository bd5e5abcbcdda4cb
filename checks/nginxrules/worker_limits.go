package nginxrules

import (
	"fmt"
	"strconv"
	"strings"

	"midwatch/checks"
	"midwatch/hosts/nginx"
)

func workerLimits() checks.Check {
	return checks.Check{
		ID:       "nginx-worker-limits",
		Title:    "workers may open fewer files than they are allowed connections",
		Area:     checks.AreaCapacity,
		Severity: checks.Warning,
		Why: "A request that is passed on takes two connections, and each is an open file. Above the limit of files nginx refuses connections with " +
			"\"24: Too many open files\" long before worker_connections is reached. Long WebSockets get there first.",
		Fix:     "worker_rlimit_nofile at least twice worker_connections, and LimitNOFILE of the unit not below it.",
		Verify:  "grep 'open files' /proc/PID-OF-A-WORKER/limits; nginx -t prints no warning about worker_connections",
		Sources: []string{"https://nginx.org/en/docs/ngx_core_module.html#worker_rlimit_nofile", "https://nginx.org/en/docs/ngx_core_module.html#worker_connections"},
		Eval:    checks.OnNginx(evalWorkerLimits),
	}
}

func evalWorkerLimits(n *checks.Nginx) []checks.Finding {
	events := nginx.Last(n.Config.Root, "events")
	if events == nil {
		return checks.NotHere("no events block in these files")
	}
	conns, line := 512, events
	if d := nginx.Last(events.Block, "worker_connections"); d != nil {
		conns, _ = strconv.Atoi(d.Arg(0))
		line = d
	}
	for _, id := range []string{"worker-connections", "too-many-files"} {
		if list := logged(n, id); len(list) > 0 {
			s := list[0]
			f := n.At(line, "workers")
			f.Key, f.Severity = id, checks.Error
			f.Title = fmt.Sprintf("nginx refused connections, %d times: %d worker_connections are not enough", s.Count, conns)
			if id == "too-many-files" {
				f.Title = fmt.Sprintf("nginx refused connections, %d times: too many open files", s.Count)
			}
			f.Evidence = append(f.Evidence, said(n, s)...)
			return []checks.Finding{f}
		}
	}
	for _, note := range n.Notes {
		if strings.Contains(note, "exceed open file resource limit") {
			f := n.At(line, "workers")
			f.Severity = checks.Error
			f.Title = "nginx says: " + note[strings.LastIndex(note[:strings.Index(note, "exceed")], "]")+1:]
			f.Evidence = append(f.Evidence, checks.Evidence{Source: "nginx -t", Text: note})
			return []checks.Finding{f}
		}
	}
	d := nginx.Last(n.Config.Root, "worker_rlimit_nofile")
	if d == nil {
		return nil
	}
	files, err := strconv.Atoi(d.Arg(0))
	proxied := len(passes(n)) > 0
	switch {
	case err != nil || files >= 2*conns || files >= conns && !proxied:
		return nil
	case files >= conns:
		f := n.At(d, "workers")
		f.Severity = checks.Info
		f.Title = fmt.Sprintf("%d files for %d connections: requests that are passed on take two each", files, conns)
		f.Evidence = append(f.Evidence, n.Line(line))
		return []checks.Finding{f}
	}
	f := n.At(d, "workers")
	f.Title = fmt.Sprintf("%d files for %d connections", files, conns)
	f.Evidence = append(f.Evidence, n.Line(line))
	return []checks.Finding{f}
}
