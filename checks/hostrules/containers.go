package hostrules

import (
	"fmt"
	"strings"
	"time"

	"midwatch/checks"
	"midwatch/checks/ports"
	"midwatch/hosts"
)

func restartLoop() checks.Check {
	return checks.Check{
		ID:        "container-restart-loop",
		Title:     "a container ends and is started again and again",
		Area:      checks.AreaContainer,
		Severity:  checks.Error,
		Why:       "Whatever it is for is down most of the time, and each start repeats what the start does: migrations, locks, connections.",
		Fix:       "Read its last lines before the end (docker logs --tail 50 CONTAINER), mend that; stop it meanwhile.",
		Verify:    "docker inspect -f '{{.RestartCount}}' CONTAINER stays where it is",
		Sources:   []string{"https://docs.docker.com/engine/containers/start-containers-automatically/"},
		Diagnoses: []string{"oom-restart-loop"},
		Needs:     []checks.Need{checks.NeedContainers},
		After:     []string{"container-oom"},
		Eval:      checks.OnHost(evalRestartLoop),
	}
}

// loopWindow is within which a container that was restarted thrice counts as looping still.
const loopWindow = 10 * time.Minute

func evalRestartLoop(h *checks.Host) []checks.Finding {
	var out []checks.Finding
	for i := range h.Containers.Value {
		c := &h.Containers.Value[i]
		young := !c.Started.IsZero() && h.World.Now.Sub(c.Started) < loopWindow
		if c.State != "restarting" && (c.Restarts < 3 || !young) {
			continue
		}
		f := h.Find("container "+c.Name, checks.NeedContainers, fmt.Sprintf("%s: %s, %d restarts, exit %d", c.Name, c.State, c.Restarts, c.Exit))
		f.Title = fmt.Sprintf("%s has been restarted %d times", c.Name, c.Restarts)
		if c.State != "running" { // while it runs, docker says 0
			f.Title += ": " + exitText(c)
		}
		if c.Exit == 0 && c.State == "restarting" {
			f.Fix = "It finishes with code 0 and is started again all the same: a job needs the policy no or on-failure. " + f.Fix
		}
		if c.State == "running" {
			f.Severity = checks.Warning
			f.Title += fmt.Sprintf(" and has run for %s", h.World.Now.Sub(c.Started).Round(time.Second))
		}
		out = append(out, f)
	}
	return out
}

// exitText says what an exit code means with Docker.
func exitText(c *hosts.Container) string {
	switch {
	case c.Exit == 0:
		return "it ends by itself with code 0"
	case c.Exit == 125:
		return "Docker could not run it (125)"
	case c.Exit == 126:
		return "its command cannot be executed (126)"
	case c.Exit == 127:
		return "its command is not in the image (127)"
	case c.Exit == 137 && c.OOMKilled:
		return "killed for its memory (137)"
	case c.Exit == 137:
		return "killed (137): docker stop ran out of time, or the kernel killed a child"
	case c.Exit == 139:
		return "it crashed (139, SIGSEGV)"
	case c.Exit == 143:
		return "it was told to end (143, SIGTERM)"
	}
	return fmt.Sprintf("exit code %d", c.Exit)
}

func deadOrCreated() checks.Check {
	return checks.Check{
		ID:        "container-dead-or-created",
		Title:     "a container could not be started",
		Area:      checks.AreaContainer,
		Severity:  checks.Error,
		Why:       "Docker made it and then something was in the way: a port, a mount, a device, a network. It is listed, and nothing runs.",
		Fix:       "Mend what the error names, then docker start CONTAINER, or docker compose up -d.",
		Verify:    "docker inspect -f '{{.State.Status}} {{.State.Error}}' CONTAINER says running",
		Sources:   []string{"https://docs.docker.com/reference/cli/docker/container/inspect/"},
		Diagnoses: []string{"port-collision", "oom-restart-loop"},
		Needs:     []checks.Need{checks.NeedContainers},
		Eval:      checks.OnHost(evalDead),
	}
}

func evalDead(h *checks.Host) []checks.Finding {
	var out []checks.Finding
	for i := range h.Containers.Value {
		c := &h.Containers.Value[i]
		stuck := c.State == "dead" || c.State == "removing" && h.World.Now.Sub(c.Finished) > time.Minute && !c.Finished.IsZero()
		if !stuck && (c.Error == "" || c.State == "running") {
			continue // created without an error is what docker create does
		}
		f := h.Find("container "+c.Name, checks.NeedContainers, fmt.Sprintf("%s: %s, State.Error %q", c.Name, c.State, c.Error))
		switch {
		case c.Error == "":
			f.Title = c.Name + " is " + c.State
		case strings.Contains(c.Error, "port is already allocated"), strings.Contains(c.Error, "address already in use"):
			f.Title = c.Name + " was not started: its port is taken"
		default:
			f.Title = c.Name + " was not started: " + c.Error
		}
		out = append(out, f)
	}
	return out
}

func healthcheckBroken() checks.Check {
	return checks.Check{
		ID:        "healthcheck-broken",
		Title:     "the healthcheck is what is broken",
		Area:      checks.AreaHealth,
		Severity:  checks.Warning,
		Why:       "The container is called unhealthy because its check cannot work: the program it calls is not in the image, or localhost means ::1 and the service listens on IPv4. What depends on it never starts; a balancer takes it out.",
		Fix:       "Use a program that the image has, and 127.0.0.1 instead of localhost.",
		Verify:    "docker inspect -f '{{.State.Health.Status}}' CONTAINER says healthy",
		Sources:   []string{"https://docs.docker.com/reference/dockerfile/#healthcheck"},
		Diagnoses: []string{"unhealthy-gate"},
		Needs:     []checks.Need{checks.NeedContainers},
		Eval:      checks.OnHost(evalHealthcheck),
	}
}

// brokenChecks are outputs of a check that say something about the check.
var brokenChecks = []struct{ text, why string }{
	{"executable file not found", "its program is not in the image"},
	{": not found", "its program is not in the image"},
	{"no such file or directory", "its program is not in the image"},
	{"permission denied", "its program may not be executed"},
	{"can't connect to remote host: Connection refused", "it asks localhost, which may be ::1, and is refused"},
	{"connect to ::1 port", "it asks ::1, and the service listens on IPv4"},
}

func evalHealthcheck(h *checks.Host) []checks.Finding {
	var out []checks.Finding
	for i := range h.Containers.Value {
		c := &h.Containers.Value[i]
		if c.Health != hosts.HealthUnhealthy || len(c.HealthLog) == 0 {
			continue
		}
		last := c.HealthLog[len(c.HealthLog)-1]
		for _, b := range brokenChecks {
			if !strings.Contains(last.Output, b.text) {
				continue
			}
			f := h.Find("container "+c.Name, checks.NeedContainers, fmt.Sprintf("%s exits %d: %s", c.Probe, last.Exit, firstLine(last.Output)))
			f.Title = c.Name + " is called unhealthy by a check that cannot work: " + b.why
			out = append(out, f)
			break
		}
	}
	return out
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}

func portGrab() checks.Check {
	return checks.Check{
		ID:        "port-grab-on-restart",
		Title:     "a stopped container will want a port that is taken",
		Area:      checks.AreaPorts,
		Severity:  checks.Warning,
		Why:       "Its restart policy starts it again when Docker or the machine does, and whoever comes first gets the port. With always that holds after docker stop as well. What works today is down after the next reboot.",
		Fix:       "docker rm the one that is not needed, or docker update --restart=no CONTAINER.",
		Verify:    "docker ps -a --filter name=CONTAINER shows no container with that port and a restart policy",
		Sources:   []string{"https://docs.docker.com/engine/containers/start-containers-automatically/", "https://github.com/moby/moby/issues/12118"},
		Diagnoses: []string{"port-collision"},
		Needs:     []checks.Need{checks.NeedContainers},
		Eval:      checks.OnHost(evalPortGrab),
	}
}

func evalPortGrab(h *checks.Host) []checks.Finding {
	var out []checks.Finding
	for i := range h.Containers.Value {
		c := &h.Containers.Value[i]
		if c.State == "running" || c.State == "restarting" || !comesBack(c) {
			continue
		}
		for _, want := range c.Bindings {
			if who := holds(h, c, want); who != "" {
				f := h.Find("container "+c.Name, checks.NeedContainers,
					fmt.Sprintf("%s: %s, restart %s, wants %s:%d/%s; %s has it", c.Name, c.State, c.Policy, orAll(want.HostIP), want.HostPort, want.Proto, who))
				f.Title = fmt.Sprintf("%s will want port %d when Docker starts again, and %s has it", c.Name, want.HostPort, who)
				f.Key = fmt.Sprint(want.HostPort, want.Proto)
				out = append(out, f)
			}
		}
	}
	return out
}

// comesBack reports a container that Docker starts with itself. unless-stopped counts where it did not
// end by docker stop, which exit codes of a told end show.
func comesBack(c *hosts.Container) bool {
	switch c.Policy {
	case "always":
		return true
	case "unless-stopped":
		return c.Exit != 0 && c.Exit != 137 && c.Exit != 143 || c.Error != ""
	}
	return false
}

// holds names who has a binding that overlaps, "" for nobody.
func holds(h *checks.Host, self *hosts.Container, want hosts.Port) string {
	taken := func(addr string, port uint16, proto string, v6Only bool) bool {
		return ports.Collide(ports.Bind{Addr: addr, Port: port, Proto: proto, V6Only: v6Only}, ports.Bind{Addr: want.HostIP, Port: want.HostPort, Proto: want.Proto}) != ports.Apart
	}
	for i := range h.Containers.Value {
		c := &h.Containers.Value[i]
		if c == self || c.State != "running" {
			continue
		}
		for _, p := range c.Ports {
			if taken(p.HostIP, p.HostPort, p.Proto, true) {
				return "container " + c.Name
			}
		}
	}
	for _, s := range h.Sockets.Value {
		if s.Container == "" && s.Process != "docker-proxy" && taken(s.Address, s.Port, s.Proto, s.V6Only) {
			return "process " + orElse(s.Process, "of another user")
		}
	}
	return ""
}

func orAll(ip string) string { return orElse(ip, "0.0.0.0") }

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func networkAlias() checks.Check {
	return checks.Check{
		ID:       "docker-network-alias-collision",
		Title:    "one name means containers of several projects",
		Area:     checks.AreaContainer,
		Severity: checks.Warning,
		Why: "Two projects share a network, and both have a service of this name there. Docker's DNS answers with both: every other request of one project goes to " +
			"the other.",
		Fix:       "Give the services names or aliases of their own on the shared network, and use those.",
		Verify:    "getent hosts NAME inside a container gives one project's addresses only",
		Sources:   []string{"https://docs.docker.com/compose/how-tos/networking/"},
		Diagnoses: []string{"reachability"},
		Needs:     []checks.Need{checks.NeedContainers},
		Eval:      checks.OnHost(evalNetworkAlias),
	}
}

func evalNetworkAlias(h *checks.Host) []checks.Finding {
	type place struct{ network, alias string }
	owner := map[place]*hosts.Container{}
	told := map[place]bool{}
	var out []checks.Finding
	for i := range h.Containers.Value {
		c := &h.Containers.Value[i]
		if c.State != "running" || c.Project == "" {
			continue
		}
		for _, n := range c.Networks {
			for _, a := range n.Aliases {
				at := place{n.Name, a}
				o := owner[at]
				if o == nil {
					owner[at] = c
					continue
				}
				if o.Project == c.Project || told[at] {
					continue
				}
				told[at] = true
				f := h.Find("network "+n.Name, checks.NeedContainers, fmt.Sprintf("alias %s: %s of %s, %s of %s", a, o.Name, o.Project, c.Name, c.Project))
				f.Title = fmt.Sprintf("%s on network %s means %s and %s", a, n.Name, o.Name, c.Name)
				f.Key = a
				out = append(out, f)
			}
		}
	}
	return out
}
