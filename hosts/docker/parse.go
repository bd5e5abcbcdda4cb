package docker

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/redact"
)

// parseList reads GET /containers/json.
func parseList(doc []byte) ([]hosts.Container, error) {
	var list []wireContainer
	if err := json.Unmarshal(doc, &list); err != nil {
		return nil, fmt.Errorf("parse container list: %w", err)
	}
	out := make([]hosts.Container, 0, len(list))
	for i := range list {
		out = append(out, fromList(&list[i]))
	}
	return out, nil
}

func fromList(w *wireContainer) hosts.Container {
	c := hosts.Container{
		ID:      w.ID,
		Image:   w.Image,
		ImageID: w.ImageID,
		State:   w.State,
		Status:  w.Status,
		Health:  healthOfStatus(w.Status),
		Exit:    exitOfStatus(w.Status),
		Labels:  redact.Labels(w.Labels),
		NetMode: w.HostConfig.NetworkMode,
		Mounts:  mountsOf(w.Mounts),
	}
	if len(w.Names) > 0 {
		// A container that others are linked to has one more name for each link, with a path.
		c.Name = strings.TrimPrefix(w.Names[0], "/")
		for _, n := range w.Names {
			if n = strings.TrimPrefix(n, "/"); !strings.Contains(n, "/") {
				c.Name = n
				break
			}
		}
	}
	if w.Command != "" {
		c.Command = redact.Args(strings.Fields(w.Command))
	}
	if w.Created > 0 {
		c.Created = time.Unix(w.Created, 0).UTC()
	}
	for _, p := range w.Ports {
		c.Ports = append(c.Ports, hosts.Port{HostIP: p.IP, HostPort: port(p.PublicPort), ContainerPort: port(p.PrivatePort), Proto: p.Type})
	}
	sortPorts(c.Ports)
	if w.NetworkSettings != nil {
		c.Networks = networksOf(w.NetworkSettings.Networks)
	}
	c.Project, c.Service = projectOf(w.Labels)
	return c
}

// parseInspect reads GET /containers/ID/json.
func parseInspect(doc []byte) (hosts.Container, error) {
	var w wireInspect
	if err := json.Unmarshal(doc, &w); err != nil {
		return hosts.Container{}, fmt.Errorf("parse container: %w", err)
	}
	c := hosts.Container{
		ID:        w.ID,
		Name:      strings.TrimPrefix(w.Name, "/"),
		Image:     w.Config.Image,
		ImageID:   w.Image,
		State:     w.State.Status,
		Exit:      w.State.ExitCode,
		OOMKilled: w.State.OOMKilled,
		Error:     oneLine(redact.Text(w.State.Error)),
		Restarts:  w.RestartCount,
		Policy:    w.HostConfig.RestartPolicy.Name,
		Created:   moment(w.Created),
		Started:   moment(w.State.StartedAt),
		Finished:  moment(w.State.FinishedAt),
		PID:       w.State.Pid,
		Ports:     portsOf(w.NetworkSettings.Ports),
		Bindings:  portsOf(w.HostConfig.PortBindings),
		Mounts:    mountsOf(w.Mounts),
		Networks:  networksOf(w.NetworkSettings.Networks),
		Labels:    redact.Labels(w.Config.Labels),
		LogDriver: w.HostConfig.LogConfig.Type,
		NetMode:   w.HostConfig.NetworkMode,
		Inspected: true,
		CPULimit:  cpuLimit(w.HostConfig.NanoCpus, w.HostConfig.CPUQuota, w.HostConfig.CPUPeriod),
		User:      w.Config.User,
	}
	if w.Path != "" {
		c.Command = redact.Args(append([]string{w.Path}, w.Args...))
	}
	if w.HostConfig.Memory > 0 {
		c.MemLimit = uint64(w.HostConfig.Memory)
	}
	for _, e := range w.Config.Env {
		name, _, _ := strings.Cut(e, "=")
		c.EnvNames = append(c.EnvNames, name)
	}
	slices.Sort(c.EnvNames)
	if w.Config.Healthcheck != nil {
		c.Probe = probeOf(w.Config.Healthcheck.Test)
	}
	c.Health = hosts.HealthNone
	if h := w.State.Health; h != nil {
		c.Health = healthOf(h.Status)
		for _, r := range h.Log {
			c.HealthLog = append(c.HealthLog, hosts.HealthResult{At: moment(r.Start), End: moment(r.End), Exit: r.ExitCode, Output: redact.Text(r.Output)})
		}
	}
	c.Project, c.Service = projectOf(w.Config.Labels)
	return c, nil
}

// merge lays what the list says, which is newer, over what inspect said.
func merge(list, inspected hosts.Container) hosts.Container {
	c := inspected
	c.Name, c.State, c.Status = list.Name, list.State, list.Status
	if list.Health != hosts.HealthUnknown {
		c.Health = list.Health
	}
	c.Ports = list.Ports
	if len(list.Networks) > 0 && len(c.Networks) == 0 {
		c.Networks = list.Networks
	}
	if c.Image == "" {
		c.Image = list.Image
	}
	return c
}

// healthOfStatus reads the end of "Up 3 minutes (healthy)".
func healthOfStatus(status string) hosts.Health {
	i := strings.LastIndexByte(status, '(')
	if i < 0 || !strings.HasSuffix(status, ")") || !strings.HasPrefix(status, "Up") {
		return hosts.HealthUnknown
	}
	return healthOf(strings.TrimPrefix(status[i+1:len(status)-1], "health: "))
}

func healthOf(word string) hosts.Health {
	switch word {
	case "healthy":
		return hosts.HealthHealthy
	case "unhealthy":
		return hosts.HealthUnhealthy
	case "starting":
		return hosts.HealthStarting
	case "none", "":
		return hosts.HealthNone
	default:
		return hosts.HealthUnknown
	}
}

// exitOfStatus reads "Exited (137) 2 minutes ago" and "Restarting (1) 5 seconds ago".
func exitOfStatus(status string) int {
	if !strings.HasPrefix(status, "Exited (") && !strings.HasPrefix(status, "Restarting (") {
		return 0
	}
	_, rest, _ := strings.Cut(status, "(")
	code, _, _ := strings.Cut(rest, ")")
	n, _ := strconv.Atoi(code)
	return n
}

func port(n int) uint16 {
	if n < 0 || n > 65535 {
		return 0
	}
	return uint16(n)
}

// portsOf reads {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}], "443/tcp": null}.
func portsOf(m map[string][]wireBinding) []hosts.Port {
	var out []hosts.Port
	for key, binds := range m {
		num, proto, _ := strings.Cut(key, "/")
		n, err := strconv.Atoi(num)
		if err != nil {
			continue
		}
		if proto == "" {
			proto = "tcp"
		}
		if len(binds) == 0 {
			out = append(out, hosts.Port{ContainerPort: port(n), Proto: proto})
		}
		for _, b := range binds {
			h, _ := strconv.Atoi(b.HostPort) // "" or "0" is a port the engine chooses
			out = append(out, hosts.Port{HostIP: b.HostIP, HostPort: port(h), ContainerPort: port(n), Proto: proto})
		}
	}
	sortPorts(out)
	return out
}

func sortPorts(ps []hosts.Port) {
	slices.SortFunc(ps, func(a, b hosts.Port) int {
		if d := int(a.ContainerPort) - int(b.ContainerPort); d != 0 {
			return d
		}
		if d := strings.Compare(a.Proto, b.Proto); d != 0 {
			return d
		}
		if d := int(a.HostPort) - int(b.HostPort); d != 0 {
			return d
		}
		return strings.Compare(a.HostIP, b.HostIP)
	})
}

func mountsOf(in []wireMount) []hosts.ContainerMount {
	var out []hosts.ContainerMount
	for _, m := range in {
		out = append(out, hosts.ContainerMount(m))
	}
	slices.SortFunc(out, func(a, b hosts.ContainerMount) int { return strings.Compare(a.Destination, b.Destination) })
	return out
}

func networksOf(in map[string]*wireEndpoint) []hosts.ContainerNetwork {
	var out []hosts.ContainerNetwork
	for name, e := range in {
		n := hosts.ContainerNetwork{Name: name}
		if e != nil {
			n.IP, n.Gateway, n.Aliases = e.IPAddress, e.Gateway, e.Aliases
			if n.IP == "" {
				n.IP = e.GlobalIPv6Address
			}
		}
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b hosts.ContainerNetwork) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// projectOf names the group a container belongs to: the compose project and service, or the Swarm
// stack and service, whose name repeats the stack's.
func projectOf(labels map[string]string) (project, service string) {
	project, service = labels["com.docker.compose.project"], labels["com.docker.compose.service"]
	if project == "" {
		project = labels["com.docker.stack.namespace"]
	}
	if service == "" {
		service = labels["com.docker.swarm.service.name"]
	}
	return project, service
}

func probeOf(test []string) string {
	if len(test) == 0 || test[0] == "NONE" {
		return ""
	}
	if test[0] == "CMD" || test[0] == "CMD-SHELL" {
		test = test[1:]
	}
	return strings.Join(redact.Args(test), " ")
}

// cpuLimit is --cpus, or the quota it is short for.
func cpuLimit(nano, quota, period int64) float64 {
	if nano > 0 {
		return float64(nano) / 1e9
	}
	if quota > 0 {
		if period <= 0 {
			period = 100_000 // the kernel's default, in microseconds
		}
		return float64(quota) / float64(period)
	}
	return 0
}

// moment parses a time of the API; the year 1 means never.
func moment(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t.UTC()
}
