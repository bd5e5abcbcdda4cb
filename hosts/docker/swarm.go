package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"midwatch/hosts"
	"midwatch/hosts/redact"
)

// Swarm returns what a manager knows of its cluster (GET /info, /nodes, /services, /tasks,
// /networks). An engine that is no manager gives an empty Swarm with Manager false.
func (c *Client) Swarm(ctx context.Context) (hosts.Swarm, error) {
	doc, err := c.swarmDoc(ctx)
	if err != nil {
		return hosts.Swarm{}, err
	}
	return parseSwarm(doc)
}

// swarmEvidence is the document of CollectSwarm; the lists are absent where there is no manager.
type swarmEvidence struct {
	Info     json.RawMessage `json:"info"`
	Nodes    json.RawMessage `json:"nodes,omitempty"`
	Services json.RawMessage `json:"services,omitempty"`
	Tasks    json.RawMessage `json:"tasks,omitempty"`
	Networks json.RawMessage `json:"networks,omitempty"`
}

// wireSwarmInfo is the part of GET /info that says what an engine is in a Swarm.
type wireSwarmInfo struct {
	Swarm struct {
		LocalNodeState   string
		ControlAvailable bool
		Cluster          *struct{ ID string }
	}
}

func (c *Client) swarmDoc(ctx context.Context) ([]byte, error) {
	var doc swarmEvidence
	info, err := c.fetch(ctx, "info", "/info", nil)
	if err != nil {
		return nil, err
	}
	var w wireSwarmInfo
	if err := json.Unmarshal(info, &w); err != nil {
		return nil, &Error{Op: "info", Host: c.p.Host, Text: "answer is not what the API promises", cause: err}
	}
	// Only this of the document: the rest is the engine's evidence.
	if doc.Info, err = json.Marshal(w); err != nil {
		return nil, err
	}
	if w.Swarm.ControlAvailable {
		for _, part := range []struct {
			op, path string
			q        url.Values
			to       *json.RawMessage
		}{
			{"list nodes", "/nodes", nil, &doc.Nodes},
			{"list services", "/services", url.Values{"status": {"1"}}, &doc.Services},
			{"list tasks", "/tasks", nil, &doc.Tasks},
			{"list networks", "/networks", nil, &doc.Networks},
		} {
			if *part.to, err = c.fetch(ctx, part.op, part.path, part.q); err != nil {
				return nil, err
			}
		}
	}
	all, err := json.Marshal(doc)
	if err != nil {
		return nil, &Error{Op: "read swarm", Host: c.p.Host, Text: "answer is not JSON", cause: err}
	}
	return c.redacted("read swarm", all)
}

// ParseSwarm makes facts of the evidence of CollectSwarm.
func ParseSwarm(e hosts.Evidence) (hosts.Swarm, error) {
	if err := readable(e); err != nil {
		return hosts.Swarm{}, err
	}
	return parseSwarm(e.Data)
}

func parseSwarm(doc []byte) (hosts.Swarm, error) {
	var w struct {
		Info     wireSwarmInfo `json:"info"`
		Nodes    []wireNode    `json:"nodes"`
		Services []wireService `json:"services"`
		Tasks    []wireTask    `json:"tasks"`
		Networks []wireNetwork `json:"networks"`
	}
	if err := json.Unmarshal(doc, &w); err != nil {
		return hosts.Swarm{}, fmt.Errorf("parse swarm: %w", err)
	}
	s := hosts.Swarm{Manager: w.Info.Swarm.ControlAvailable}
	if w.Info.Swarm.Cluster != nil {
		s.ClusterID = w.Info.Swarm.Cluster.ID
	}
	nodes, services, networks := map[string]string{}, map[string]string{}, map[string]string{}
	for _, n := range w.Networks {
		networks[n.ID] = n.Name
	}
	for i := range w.Tasks {
		for _, a := range w.Tasks[i].NetworksAttachments {
			networks[a.Network.ID] = a.Network.Spec.Name
		}
	}
	for i := range w.Nodes {
		n := nodeOf(&w.Nodes[i])
		nodes[n.ID] = n.Hostname
		s.Nodes = append(s.Nodes, n)
	}
	for i := range w.Services {
		v := serviceOf(&w.Services[i], networks)
		countTasks(&v, &w.Services[i], w.Tasks)
		services[v.ID] = v.Name
		s.Services = append(s.Services, v)
	}
	for i := range w.Tasks {
		s.Tasks = append(s.Tasks, taskOf(&w.Tasks[i], nodes, services))
	}
	slices.SortFunc(s.Nodes, func(a, b hosts.SwarmNode) int { return strings.Compare(a.Hostname+a.ID, b.Hostname+b.ID) })
	slices.SortFunc(s.Services, func(a, b hosts.SwarmService) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(s.Tasks, func(a, b hosts.SwarmTask) int {
		if d := strings.Compare(a.Service, b.Service); d != 0 {
			return d
		}
		if a.Slot != b.Slot {
			return a.Slot - b.Slot
		}
		return b.At.Compare(a.At) // the newest of a slot first
	})
	return s, nil
}

func nodeOf(w *wireNode) hosts.SwarmNode {
	n := hosts.SwarmNode{
		ID: w.ID, Hostname: w.Description.Hostname, Role: w.Spec.Role, Availability: w.Spec.Availability,
		State: w.Status.State, Addr: w.Status.Addr, EngineVersion: w.Description.Engine.EngineVersion,
		Labels: redact.Labels(w.Spec.Labels),
	}
	if m := w.ManagerStatus; m != nil {
		n.Leader, n.Reachability = m.Leader, m.Reachability
	}
	return n
}

func serviceOf(w *wireService, networks map[string]string) hosts.SwarmService {
	t := &w.Spec.TaskTemplate
	s := hosts.SwarmService{
		ID: w.ID, Name: w.Spec.Name, Stack: w.Spec.Labels["com.docker.stack.namespace"], Image: t.ContainerSpec.Image,
		Updated: moment(w.UpdatedAt), Labels: redact.Labels(w.Spec.Labels), VersionIndex: w.Version.Index,
		Command: redact.Args(append(slices.Clone(t.ContainerSpec.Command), t.ContainerSpec.Args...)),
	}
	if h := t.ContainerSpec.Healthcheck; h != nil {
		s.HealthCmd = probeOf(h.Test)
	}
	for _, e := range t.ContainerSpec.Env {
		name, _, _ := strings.Cut(e, "=")
		s.EnvNames = append(s.EnvNames, name)
	}
	slices.Sort(s.EnvNames)
	for _, m := range t.ContainerSpec.Mounts {
		c := hosts.ContainerMount{Type: m.Type, Source: m.Source, Destination: m.Target, RW: !m.ReadOnly}
		if m.Type == "volume" {
			c.Name, c.Source = m.Source, ""
			if o := m.VolumeOptions; o != nil && o.DriverConfig != nil {
				c.Driver = o.DriverConfig.Name
			}
		}
		s.Mounts = append(s.Mounts, c)
	}
	slices.SortFunc(s.Mounts, func(a, b hosts.ContainerMount) int { return strings.Compare(a.Destination, b.Destination) })
	if t.Placement != nil {
		s.Constraints = t.Placement.Constraints
	}
	for _, n := range append(slices.Clone(t.Networks), w.Spec.Networks...) {
		name := networks[n.Target]
		if name == "" {
			name = n.Target
		}
		s.Networks = append(s.Networks, name)
	}
	if r := t.RestartPolicy; r != nil {
		s.Restart = r.Condition
		if r.MaxAttempts != nil {
			s.MaxAttempts = bounded32(*r.MaxAttempts)
		}
	}
	if u := w.Spec.UpdateConfig; u != nil {
		s.UpdateOrder, s.OnFailure = u.Order, u.FailureAction
	}
	if u := w.UpdateStatus; u != nil {
		s.UpdateState, s.UpdateInfo = u.State, oneLine(u.Message)
	}
	s.Endpoint = w.Endpoint.Spec.Mode
	for _, v := range w.Endpoint.VirtualIPs {
		if ip, _, _ := strings.Cut(v.Addr, "/"); ip != "" {
			s.VIPs = append(s.VIPs, ip)
		}
	}
	slices.Sort(s.VIPs)
	for _, p := range w.Endpoint.Ports {
		s.Ports = append(s.Ports, hosts.Port{HostIP: "0.0.0.0", HostPort: port(p.PublishedPort), ContainerPort: port(p.TargetPort), Proto: p.Protocol})
		s.PublishMode = p.PublishMode
	}
	sortPorts(s.Ports)
	return s
}

// countTasks fills in the mode and how many tasks are wanted and running.
func countTasks(s *hosts.SwarmService, w *wireService, tasks []wireTask) {
	desired := 0
	for i := range tasks {
		t := &tasks[i]
		if t.ServiceID != w.ID || t.DesiredState != "running" {
			continue
		}
		desired++
		if t.Status.State == "running" {
			s.Running++
		}
	}
	m := &w.Spec.Mode
	switch {
	case m.Replicated != nil:
		s.Mode, s.Wanted = "replicated", 1
		if m.Replicated.Replicas != nil {
			s.Wanted = bounded32(*m.Replicated.Replicas)
		}
	case m.ReplicatedJob != nil:
		s.Mode, s.Wanted = "replicated-job", 1
		if m.ReplicatedJob.TotalCompletions != nil {
			s.Wanted = bounded32(*m.ReplicatedJob.TotalCompletions)
		}
	case m.Global != nil:
		s.Mode, s.Wanted = "global", desired
	case m.GlobalJob != nil:
		s.Mode, s.Wanted = "global-job", desired
	}
	// The manager's own count knows of nodes that should have a task of a global service and have none.
	if st := w.ServiceStatus; st != nil && m.Replicated == nil && m.ReplicatedJob == nil {
		s.Wanted = bounded32(st.DesiredTasks)
	}
}

// bounded32 keeps a count of the wire from overflowing anything.
func bounded32(n uint64) int { return int(min(n, 1<<31-1)) }

func taskOf(w *wireTask, nodes, services map[string]string) hosts.SwarmTask {
	t := hosts.SwarmTask{
		ID: w.ID, Service: services[w.ServiceID], Node: nodes[w.NodeID], State: w.Status.State, Desired: w.DesiredState,
		Error: oneLine(redact.Text(w.Status.Err)), Message: oneLine(w.Status.Message), Slot: w.Slot, At: moment(w.Status.Timestamp),
	}
	if t.Service == "" {
		t.Service = w.ServiceID
	}
	if t.Node == "" {
		t.Node = w.NodeID
	}
	if c := w.Status.ContainerStatus; c != nil {
		t.ContainerID = c.ContainerID
	}
	if c := w.Spec.ContainerSpec; c != nil {
		t.Image = c.Image
	}
	return t
}
