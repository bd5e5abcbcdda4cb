package engine

import (
	"net/http"
	"strconv"
	"time"

	"midwatch/hosts/demo/sim"
)

func (s *Server) inspect(r *http.Request) (any, error) {
	c, err := s.container(r)
	if err != nil {
		return nil, err
	}
	return Inspect(c), nil
}

// Inspect is the document of GET /containers/{id}/json; the site is locked.
func Inspect(c *sim.Container) map[string]any {
	nets := map[string]any{}
	for _, n := range c.Spec.Networks {
		nets[n] = endpoint(c, n)
	}
	args := c.Args()
	path, rest := "", []string{}
	if len(args) > 0 {
		path, rest = args[0], args[1:]
	}
	published := map[string]any{}
	if c.Running() {
		published = bindings(c, true)
		for _, e := range exposed(c) {
			published[e] = nil
		}
	}
	return map[string]any{
		"Id": c.ID, "Created": stamp(c.Host.Local(c.Created)), "Path": path, "Args": rest, "State": state(c), "Image": c.Image.ID,
		"ResolvConfPath": "/var/lib/docker/containers/" + c.ID + "/resolv.conf",
		"HostnamePath":   "/var/lib/docker/containers/" + c.ID + "/hostname",
		"HostsPath":      "/var/lib/docker/containers/" + c.ID + "/hosts",
		"LogPath":        "/var/lib/docker/containers/" + c.ID + "/" + c.ID + "-json.log",
		"Name":           "/" + c.Spec.Name, "RestartCount": c.Restarts, "Driver": "overlay2", "Platform": "linux",
		"MountLabel": "", "ProcessLabel": "", "AppArmorProfile": "docker-default", "ExecIDs": nil,
		"HostConfig": hostConfig(c), "GraphDriver": map[string]any{"Name": "overlay2", "Data": map[string]string{
			"MergedDir": "/var/lib/docker/overlay2/" + c.Host.Site.Hex("layer "+c.ID, 64) + "/merged",
		}},
		"Mounts": mounts(c), "Config": config(c),
		"NetworkSettings": map[string]any{
			"Bridge": "", "SandboxID": c.Host.Site.Hex("sandbox "+c.ID, 64), "SandboxKey": "/var/run/docker/netns/" + c.ID[:12],
			"Ports": published, "HairpinMode": false, "LinkLocalIPv6Address": "", "LinkLocalIPv6PrefixLen": 0,
			"SecondaryIPAddresses": nil, "SecondaryIPv6Addresses": nil, "EndpointID": "", "Gateway": "", "GlobalIPv6Address": "",
			"GlobalIPv6PrefixLen": 0, "IPAddress": "", "IPPrefixLen": 0, "IPv6Gateway": "", "MacAddress": "", "Networks": nets,
		},
	}
}

func state(c *sim.Container) map[string]any {
	st := map[string]any{
		"Status": c.State, "Running": c.State == "running" || c.State == "paused" || c.State == "restarting",
		"Paused": c.State == "paused", "Restarting": c.State == "restarting", "OOMKilled": c.OOM, "Dead": c.State == "dead",
		"Pid": c.PID, "ExitCode": c.Exit, "Error": c.Err,
		"StartedAt": stamp(local(c, c.Started)), "FinishedAt": stamp(local(c, c.Finished)),
	}
	if c.Health != "" {
		log := []any{}
		for _, r := range c.HealthLog {
			log = append(log, map[string]any{
				"Start": stamp(c.Host.Local(r.Start)), "End": stamp(c.Host.Local(r.End)), "ExitCode": r.Exit, "Output": r.Output,
			})
		}
		st["Health"] = map[string]any{"Status": c.Health, "FailingStreak": c.Streak, "Log": log}
	}
	return st
}

// bindings are PortBindings, or with both address families as NetworkSettings shows them.
func bindings(c *sim.Container, both bool) map[string]any {
	out := map[string]any{}
	for _, p := range c.Spec.Ports {
		key := strconv.Itoa(p.Port) + "/" + p.Protocol()
		list, _ := out[key].([]any)
		ips := []string{p.IP}
		if p.IP == "" && both {
			ips = []string{"0.0.0.0", "::"}
		}
		for _, ip := range ips {
			list = append(list, map[string]string{"HostIp": ip, "HostPort": strconv.Itoa(p.Host)})
		}
		out[key] = list
	}
	return out
}

func hostConfig(c *sim.Container) map[string]any {
	sp := c.Spec
	var binds []string
	var list []any
	for _, m := range sp.Mounts {
		src := m.Source
		if m.Type == "volume" {
			src = m.Name
		}
		mode := "rw"
		if m.RO {
			mode = "ro"
		}
		if m.Type == "tmpfs" {
			continue
		}
		binds = append(binds, src+":"+m.Target+":"+mode)
	}
	policy := sp.Restart
	if policy == "" {
		policy = "no"
	}
	driver, opts := sp.LogDriver, sp.LogOpts
	if driver == "" {
		driver = "json-file"
	}
	return map[string]any{
		"Binds": binds, "ContainerIDFile": "", "LogConfig": map[string]any{"Type": driver, "Config": labels(opts)},
		"NetworkMode": c.NetMode(), "PortBindings": bindings(c, false),
		"RestartPolicy": map[string]any{"Name": policy, "MaximumRetryCount": sp.MaxRetry}, "AutoRemove": false,
		"VolumeDriver": "", "VolumesFrom": nil, "ConsoleSize": []int{0, 0}, "CapAdd": nil, "CapDrop": nil, "CgroupnsMode": "private",
		"Dns": []string{}, "DnsOptions": []string{}, "DnsSearch": []string{}, "ExtraHosts": []string{}, "GroupAdd": nil, "IpcMode": "private",
		"Cgroup": "", "Links": nil, "OomScoreAdj": 0, "PidMode": "", "Privileged": sp.Privileged, "PublishAllPorts": false,
		"ReadonlyRootfs": false, "SecurityOpt": nil, "UTSMode": "", "UsernsMode": "", "ShmSize": 67108864, "Runtime": "runc",
		"Isolation": "", "CpuShares": 0, "Memory": sp.MemLimit, "NanoCpus": int64(sp.CPUs * 1e9), "CgroupParent": "",
		"CpuPeriod": 0, "CpuQuota": 0, "CpusetCpus": "", "MemoryReservation": 0, "MemorySwap": int64(sp.MemLimit) * 2,
		"OomKillDisable": nil, "PidsLimit": nil, "Ulimits": nil, "Mounts": list,
	}
}

func config(c *sim.Container) map[string]any {
	sp := c.Spec
	ex := map[string]any{}
	for _, e := range exposed(c) {
		ex[e] = struct{}{}
	}
	for _, p := range sp.Ports {
		ex[strconv.Itoa(p.Port)+"/"+p.Protocol()] = struct{}{}
	}
	host := c.ID[:12]
	if c.NetMode() == "host" {
		host = c.Host.Spec.Name
	}
	m := map[string]any{
		"Hostname": host, "Domainname": "", "User": sp.User, "AttachStdin": false, "AttachStdout": true, "AttachStderr": true,
		"ExposedPorts": ex, "Tty": sp.TTY, "OpenStdin": false, "StdinOnce": false, "Env": append(append([]string{}, sp.Env...), c.Image.Env...),
		"Cmd": sp.Cmd, "Image": sp.Image, "Volumes": nil, "WorkingDir": sp.WorkDir, "Entrypoint": sp.Entrypoint, "OnBuild": nil,
		"Labels": labels(sp.Labels),
	}
	if h := sp.Health; h != nil {
		m["Healthcheck"] = healthcheck(h)
	}
	return m
}

func healthcheck(h *sim.HealthSpec) map[string]any {
	return map[string]any{
		"Test": h.Test, "Interval": h.Interval.Nanoseconds(), "Timeout": h.Timeout.Nanoseconds(),
		"StartPeriod": h.StartPeriod.Nanoseconds(), "Retries": h.Retries,
	}
}

// local is a moment on the host's clock; never stays never.
func local(c *sim.Container, t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return c.Host.Local(t)
}
