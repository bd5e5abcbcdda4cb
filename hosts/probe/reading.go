package probe

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"midwatch/hosts"
	"midwatch/hosts/transport"
)

// lookScript asks everything that needs no root, in one round trip, and prints "key value" lines.
const lookScript = `PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
echo "user $(id -un)"; echo "uid $(id -u)"; echo "groups $(id -Gn)"
[ -d /run/systemd/system ] && { echo "systemd $(systemctl --version 2>/dev/null | head -n 1)"; echo "state $(systemctl is-system-running 2>&1)"; }
command -v journalctl >/dev/null 2>&1 && {
  echo "journalctl yes"
  [ -n "$(journalctl --system -q -n 1 -o cat --no-pager 2>/dev/null | head -c 1)" ] && echo "journal readable"
}
command -v nginx >/dev/null 2>&1 && { echo "nginx $(nginx -v 2>&1 | head -n 1)"; nginx -T >/dev/null 2>&1 && echo "nginx_config readable"; }
command -v docker >/dev/null 2>&1 && echo "docker_cli yes"
[ -S ` + transport.DockerSocket + ` ] && echo "docker_socket yes"
exit 0`

// findings are what lookScript printed.
type findings struct {
	user         string
	uid          int
	groups       []string
	systemd      string // "systemd 252 (…)"
	state        string // running, degraded, …
	journalctl   bool
	journal      bool // the system's journal can be read
	nginx        string
	nginxConfig  bool
	dockerCLI    bool
	dockerSocket bool
}

// readFindings reads the lines of lookScript. Lines it does not know are passed over: a login may
// print what it likes before.
func readFindings(out string) findings {
	f := findings{uid: -1}
	for _, line := range strings.Split(out, "\n") {
		key, value, _ := strings.Cut(line, " ")
		value = clip(hosts.CleanLine(strings.TrimSpace(value)))
		switch key {
		case "user":
			f.user = value
		case "uid":
			if n, err := strconv.Atoi(value); err == nil {
				f.uid = n
			}
		case "groups":
			f.groups = strings.Fields(value)
		case "systemd":
			f.systemd = value
		case "state":
			f.state = value
		case "journalctl":
			f.journalctl = true
		case "journal":
			f.journal = value == "readable"
		case "nginx":
			f.nginx = strings.TrimPrefix(value, "nginx version: ")
		case "nginx_config":
			f.nginxConfig = value == "readable"
		case "docker_cli":
			f.dockerCLI = true
		case "docker_socket":
			f.dockerSocket = true
		}
	}
	if f.uid < 0 {
		f.user = ""
	}
	return f
}

// readSudoList takes the commands that need no password out of what sudo -l prints.
func readSudoList(out string) string {
	var commands []string
	for _, line := range strings.Split(out, "\n") {
		_, after, found := strings.Cut(line, "NOPASSWD:")
		if found {
			commands = append(commands, strings.TrimSpace(hosts.CleanLine(after)))
		}
	}
	return clip(strings.Join(commands, ", "))
}

// systemd says whether it runs.
func (e *examiner) systemd() {
	switch f := e.seen; {
	case f.systemd == "":
		e.report.set(Check{ID: idSystemd, Status: Absent, Reason: "systemd does not run on this host"})
	case f.state == "running" || f.state == "degraded":
		e.report.set(Check{ID: idSystemd, Status: OK, Detail: f.systemd + ", " + f.state})
	default:
		e.report.set(Check{
			ID: idSystemd, Status: Limited, Detail: f.systemd, Reason: "systemctl is-system-running says " + f.state,
			Remedy: "see systemctl status",
		})
	}
}

// journal judges whether the system's journal can be read, as root where the login alone may not.
func (e *examiner) journal(ctx context.Context) {
	f := e.seen
	c := Check{ID: idJournal, Status: OK, Detail: "readable by the login"}
	switch {
	case !f.journalctl:
		c = Check{ID: idJournal, Status: Absent, Reason: "journalctl is not installed"}
	case f.journal:
	case e.isRoot:
		res, err := e.run(ctx, hosts.Cmd{Argv: []string{"journalctl", "--system", "-q", "-n", "1", "-o", "cat", "--no-pager"}, Sudo: true})
		c.Detail = "readable as root"
		switch {
		case err != nil:
			c = Check{ID: idJournal, Status: Failed, Reason: reasonOf(e.host.Name, err)}
		case res.Exit != 0 || len(res.Stdout) == 0:
			c = Check{
				ID: idJournal, Status: Failed, Reason: "journalctl shows nothing, to root either: " + said(res),
				Remedy: "see whether systemd-journald runs",
			}
		}
	default:
		c = Check{
			ID: idJournal, Status: Failed, Reason: fmt.Sprintf("%s sees nothing of the system's journal", f.user),
			Remedy: fmt.Sprintf("usermod -aG systemd-journal %s, or allow sudo", f.user),
		}
	}
	e.report.set(c)
}

// nginx judges whether the configuration of the host's own nginx can be read.
func (e *examiner) nginx(ctx context.Context) {
	f := e.seen
	c := Check{ID: idNginx, Status: OK, Detail: f.nginx + ", configuration readable by the login"}
	switch {
	case f.nginx == "":
		c = Check{ID: idNginx, Status: Absent, Reason: "nginx is not installed on the host itself"}
	case f.nginxConfig:
	case e.isRoot:
		res, err := e.run(ctx, hosts.Cmd{Argv: []string{"sh", "-c", `PATH=$PATH:/usr/sbin:/usr/local/sbin; nginx -T >/dev/null`}, Sudo: true})
		c.Detail = f.nginx + ", configuration readable as root"
		switch {
		case err != nil:
			c = Check{ID: idNginx, Status: Failed, Detail: f.nginx, Reason: reasonOf(e.host.Name, err)}
		case res.Exit != 0:
			c = Check{
				ID: idNginx, Status: Failed, Detail: f.nginx, Reason: "nginx -T: " + said(res),
				Remedy: "run nginx -t on the host: it does not accept its own configuration",
			}
		}
	default:
		c = Check{
			ID: idNginx, Status: Failed, Detail: f.nginx, Reason: fmt.Sprintf("nginx -T does not work for %s, who may not read all of its files", f.user),
			Remedy: "allow sudo for this host",
		}
	}
	e.report.set(c)
}
