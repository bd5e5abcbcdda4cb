package engine

import (
	"fmt"
	"hash/crc32"
	"net/http"
	"strings"

	"midwatch/hosts/demo/sim"
)

func notManager() error {
	return fail(http.StatusServiceUnavailable, `This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.`)
}

// cluster runs fn, or says that this node is not a manager.
func (s *Server) cluster(fn func(sw *sim.Swarm) (any, error)) (any, error) {
	if s.h.Swarm == nil || s.h.Swarm.Worker {
		return nil, notManager()
	}
	return fn(s.h.Swarm)
}

func (s *Server) swarm(_ *http.Request) (any, error) {
	return s.cluster(func(sw *sim.Swarm) (any, error) {
		return map[string]any{
			"ID": sw.ID, "Version": map[string]any{"Index": 11}, "CreatedAt": stamp(sw.Created), "UpdatedAt": stamp(sw.Created),
			"Spec": map[string]any{"Name": "default", "Labels": map[string]string{}}, "RootRotationInProgress": false,
			"DefaultAddrPool": []string{"10.0.0.0/8"}, "SubnetSize": 24, "DataPathPort": 4789,
		}, nil
	})
}

func nodeDoc(sw *sim.Swarm, n sim.SwarmNode) map[string]any {
	status := map[string]any{"State": n.State, "Addr": n.Addr}
	if n.Message != "" {
		status["Message"] = n.Message
	}
	m := map[string]any{
		"ID": n.ID, "Version": map[string]any{"Index": 21}, "CreatedAt": stamp(sw.Created), "UpdatedAt": stamp(sw.Created),
		"Spec": map[string]any{"Labels": labels(n.Labels), "Role": n.Role, "Availability": n.Availability},
		"Description": map[string]any{
			"Hostname": n.Hostname, "Platform": map[string]any{"Architecture": n.Arch, "OS": n.OS},
			"Resources": map[string]any{"NanoCPUs": int64(n.CPUs) * 1e9, "MemoryBytes": n.Mem},
			"Engine":    map[string]any{"EngineVersion": n.Engine, "Plugins": []any{}}, "TLSInfo": map[string]any{},
		},
		"Status": status,
	}
	if n.Role == "manager" {
		reach := "reachable"
		if n.Unreachable {
			reach = "unreachable"
		}
		m["ManagerStatus"] = map[string]any{"Leader": n.Leader, "Reachability": reach, "Addr": n.Addr + ":2377"}
	}
	return m
}

func (s *Server) nodes(r *http.Request) (any, error) {
	f, err := parseFilters(r)
	if err != nil {
		return nil, err
	}
	return s.cluster(func(sw *sim.Swarm) (any, error) {
		out := []any{}
		for _, n := range sw.Nodes {
			if f.is("id", n.ID) && f.is("name", n.Hostname) && f.is("role", n.Role) {
				out = append(out, nodeDoc(sw, n))
			}
		}
		return out, nil
	})
}

func (s *Server) node(r *http.Request) (any, error) {
	return s.cluster(func(sw *sim.Swarm) (any, error) {
		id := r.PathValue("id")
		for _, n := range sw.Nodes {
			if n.ID == id || n.Hostname == id || id == "self" && n.ID == sw.NodeID {
				return nodeDoc(sw, n), nil
			}
		}
		return nil, fail(http.StatusNotFound, "node %s not found", id)
	})
}

func serviceSpec(v *sim.SwarmService, image string) map[string]any {
	mode := map[string]any{"Replicated": map[string]any{"Replicas": v.Replicas}}
	if v.Global {
		mode = map[string]any{"Global": map[string]any{}}
	}
	lab := map[string]string{}
	for k, x := range v.Labels {
		lab[k] = x
	}
	if v.Stack != "" {
		lab["com.docker.stack.namespace"], lab["com.docker.stack.image"] = v.Stack, image
	}
	box := map[string]any{"Image": image, "Labels": map[string]string{"com.docker.stack.namespace": v.Stack}, "Env": v.Env, "Args": v.Args, "Isolation": "default"}
	if v.Health != nil {
		box["Healthcheck"] = healthcheck(v.Health)
	}
	if len(v.Mounts) > 0 {
		list := []any{}
		for _, m := range v.Mounts {
			list = append(list, map[string]any{"Type": m.Type, "Source": m.Name + m.Source, "Target": m.Target})
		}
		box["Mounts"] = list
	}
	nets := []any{}
	for _, n := range v.Networks {
		nets = append(nets, map[string]any{"Target": n, "Aliases": []string{strings.TrimPrefix(v.Name, v.Stack+"_")}})
	}
	action, cond := v.FailureAction, v.RestartPolicy
	if action == "" {
		action = "pause"
	}
	if cond == "" {
		cond = "any"
	}
	policy := map[string]any{"Condition": cond, "Delay": int64(5e9)}
	if v.MaxAttempts > 0 {
		policy["MaxAttempts"] = v.MaxAttempts
	}
	return map[string]any{
		"Name": v.Name, "Labels": lab, "Mode": mode,
		"TaskTemplate": map[string]any{
			"ContainerSpec": box, "Resources": map[string]any{}, "RestartPolicy": policy,
			"Placement": map[string]any{"Constraints": v.Constraints}, "Networks": nets, "ForceUpdate": 0, "Runtime": "container",
		},
		"UpdateConfig": map[string]any{"Parallelism": 1, "FailureAction": action, "Monitor": int64(5e9), "MaxFailureRatio": 0, "Order": "stop-first"},
		"EndpointSpec": map[string]any{"Mode": "vip", "Ports": servicePorts(v)},
	}
}

func servicePorts(v *sim.SwarmService) []any {
	out := []any{}
	for _, p := range v.Ports {
		out = append(out, map[string]any{"Protocol": p.Protocol(), "TargetPort": p.Port, "PublishedPort": p.Host, "PublishMode": "ingress"})
	}
	return out
}

// virtualIPs are the addresses of a service, one in each overlay.
func virtualIPs(v *sim.SwarmService) []any {
	out := []any{}
	for i, n := range v.Networks {
		if n != "host" {
			out = append(out, map[string]any{"NetworkID": n, "Addr": fmt.Sprintf("10.0.%d.%d/24", i+1, 200+crc32.ChecksumIEEE([]byte(v.ID))%50)})
		}
	}
	return out
}

func serviceDoc(v *sim.SwarmService, status bool) map[string]any {
	m := map[string]any{
		"ID": v.ID, "Version": map[string]any{"Index": v.Version}, "CreatedAt": stamp(v.Created), "UpdatedAt": stamp(v.Updated),
		"Spec":     serviceSpec(v, v.Image),
		"Endpoint": map[string]any{"Spec": map[string]any{"Mode": "vip", "Ports": servicePorts(v)}, "Ports": servicePorts(v), "VirtualIPs": virtualIPs(v)},
	}
	if v.Previous != "" {
		m["PreviousSpec"] = serviceSpec(v, v.Previous)
	}
	if u := v.Update; u != nil {
		d := map[string]any{"State": u.State, "StartedAt": stamp(u.Started), "Message": u.Message}
		if !u.Completed.IsZero() {
			d["CompletedAt"] = stamp(u.Completed)
		}
		m["UpdateStatus"] = d
	}
	if status {
		run, want := v.Running(), v.Replicas
		if v.Global {
			want = run
		}
		m["ServiceStatus"] = map[string]any{"RunningTasks": run, "DesiredTasks": want, "CompletedTasks": 0}
	}
	return m
}

func (s *Server) services(r *http.Request) (any, error) {
	f, err := parseFilters(r)
	if err != nil {
		return nil, err
	}
	status := truth(r.URL.Query().Get("status"))
	return s.cluster(func(sw *sim.Swarm) (any, error) {
		out := []any{}
		for _, v := range sw.Services {
			lab := map[string]string{"com.docker.stack.namespace": v.Stack}
			for k, x := range v.Labels {
				lab[k] = x
			}
			if f.labels(lab) && f.any("id", func(x string) bool { return strings.HasPrefix(v.ID, x) }) &&
				f.any("name", func(x string) bool { return strings.HasPrefix(v.Name, x) }) {
				out = append(out, serviceDoc(v, status))
			}
		}
		return out, nil
	})
}

func (s *Server) service(r *http.Request) (any, error) {
	return s.cluster(func(sw *sim.Swarm) (any, error) {
		id := r.PathValue("id")
		for _, v := range sw.Services {
			if v.ID == id || v.Name == id {
				return serviceDoc(v, false), nil
			}
		}
		return nil, fail(http.StatusNotFound, "service %s not found", id)
	})
}

func taskDoc(v *sim.SwarmService, t *sim.SwarmTask) map[string]any {
	message := t.Message
	if t.Container != nil && t.Desired == "running" {
		if message = "started"; t.Now() != "running" {
			message = t.Now()
		}
		t.ContainerID, t.PID = t.Container.ID, t.Container.PID
	}
	status := map[string]any{"Timestamp": stamp(t.At), "State": t.Now(), "Message": message, "PortStatus": map[string]any{}}
	if t.Err != "" {
		status["Err"] = t.Err
	}
	if t.ContainerID != "" {
		status["ContainerStatus"] = map[string]any{"ContainerID": t.ContainerID, "PID": t.PID, "ExitCode": t.Exit}
	}
	return map[string]any{
		"ID": t.ID, "Version": map[string]any{"Index": v.Version + 3}, "CreatedAt": stamp(t.At), "UpdatedAt": stamp(t.At),
		"Labels": map[string]string{}, "Spec": serviceSpec(v, t.Image)["TaskTemplate"], "ServiceID": v.ID, "Slot": t.Slot,
		"NodeID": t.NodeID, "Status": status, "DesiredState": t.Desired,
	}
}

func (s *Server) tasks(r *http.Request) (any, error) {
	f, err := parseFilters(r)
	if err != nil {
		return nil, err
	}
	return s.cluster(func(sw *sim.Swarm) (any, error) {
		out := []any{}
		for _, v := range sw.Services {
			for _, t := range v.Tasks {
				if f.is("desired-state", t.Desired) && f.is("node", t.NodeID) && f.is("id", t.ID) &&
					f.any("service", func(x string) bool { return x == v.ID || x == v.Name }) {
					out = append(out, taskDoc(v, t))
				}
			}
		}
		return out, nil
	})
}

func (s *Server) task(r *http.Request) (any, error) {
	return s.cluster(func(sw *sim.Swarm) (any, error) {
		for _, v := range sw.Services {
			for _, t := range v.Tasks {
				if t.ID == r.PathValue("id") {
					return taskDoc(v, t), nil
				}
			}
		}
		return nil, fail(http.StatusNotFound, "task %s not found", r.PathValue("id"))
	})
}
