package worlds

import (
	"fmt"
	"strconv"
	"time"

	"midwatch/hosts/demo/sim"
)

// cluster builds a Swarm around a manager.
type cluster struct {
	s     *sim.Site
	h     *sim.Host
	sw    *sim.Swarm
	nodes map[string]*sim.Host // machines of the world by name; other nodes are known by name only
}

func newCluster(s *sim.Site, h *sim.Host, age time.Duration) *cluster {
	sw := &sim.Swarm{ID: s.Hex("cluster "+h.Spec.Name, 25), NodeID: s.Hex("node "+h.Spec.Name, 25), Created: s.Start().Add(-age)}
	h.Swarm = sw
	c := &cluster{s, h, sw, map[string]*sim.Host{h.Spec.Name: h}}
	c.node(h.Spec.Name, h.Spec.Addr, "manager", "ready", "active", nil)
	sw.Nodes[0].Leader = true
	c.mesh(h)
	return c
}

func (c *cluster) mesh(h *sim.Host) {
	h.AddNetwork(sim.Network{Name: "ingress", Driver: "overlay", Scope: "swarm", Subnet: "10.0.0.0/24", Gateway: "10.0.0.1", First: 2 + 20*(len(c.nodes)-1)})
	h.AddNetwork(sim.Network{Name: "docker_gwbridge", Subnet: "172.19.0.0/16", Gateway: "172.19.0.1"})
}

// join makes a machine of the world a worker of the cluster.
func (c *cluster) join(h *sim.Host, labels map[string]string) {
	c.node(h.Spec.Name, h.Spec.Addr, "worker", "ready", "active", labels)
	c.nodes[h.Spec.Name] = h
	h.Swarm = &sim.Swarm{ID: c.sw.ID, NodeID: c.nodeID(h.Spec.Name), Worker: true, Created: c.sw.Created, Nodes: c.sw.Nodes[:1]}
	c.mesh(h)
}

// overlay adds a network that reaches over the machines of the world, each with addresses of its own.
func (c *cluster) overlay(name, subnet, gateway, stack string) {
	id, i := c.s.Hex("overlay "+c.h.Spec.Name+name, 25), 0
	for _, n := range c.sw.Nodes {
		if h := c.nodes[n.Hostname]; h != nil {
			h.AddNetwork(sim.Network{
				ID: id, Name: name, Driver: "overlay", Scope: "swarm", Subnet: subnet, Gateway: gateway, First: 3 + 20*i,
				Labels: map[string]string{"com.docker.stack.namespace": stack},
			})
			i++
		}
	}
}

func (c *cluster) node(name, addr, role, state, availability string, labels map[string]string) {
	n := sim.SwarmNode{
		ID: c.s.Hex("node "+name, 25), Hostname: name, Addr: addr, Role: role, State: state, Availability: availability, Labels: labels,
		Engine: c.h.Spec.Engine.Version, OS: "linux", Arch: "x86_64", CPUs: 4, Mem: 8 * gib,
	}
	if state == "down" {
		n.Message = "heartbeat failure"
	}
	c.sw.Nodes = append(c.sw.Nodes, n)
}

func (c *cluster) nodeID(name string) string {
	for _, n := range c.sw.Nodes {
		if n.Hostname == name {
			return n.ID
		}
	}
	return ""
}

// service adds a service; box describes the containers of the tasks on the manager, and each of
// nodes gets one task. A task that ends is replaced, as Swarm does.
func (c *cluster) service(v sim.SwarmService, box sim.ContainerSpec, nodes ...string) *sim.SwarmService {
	v.ID = c.s.Hex("service "+v.Name, 25)
	v.Created, v.Version = c.s.Start().Add(-40*day), 100+len(c.sw.Services)*7
	if v.Updated.IsZero() {
		v.Updated = c.s.Start().Add(-3 * day)
	}
	p := &v
	for i, node := range nodes {
		t := &sim.SwarmTask{
			ID: c.s.Hex(fmt.Sprintf("task %s %d", v.Name, i), 25), NodeID: c.nodeID(node), Slot: i + 1, State: "running", Desired: "running", Message: "started",
			Image: v.Image, At: c.s.Start().Add(-3 * day), ContainerID: c.s.Hex(fmt.Sprintf("task box %s %d", v.Name, i), 64), PID: 4000 + 31*i,
		}
		if h := c.nodes[node]; h != nil {
			t.Container = c.box(h, p, t, box)
			t.ContainerID, t.PID = t.Container.ID, t.Container.PID
		}
		p.Tasks = append(p.Tasks, t)
	}
	c.sw.Services = append(c.sw.Services, p)
	return p
}

func (c *cluster) box(h *sim.Host, v *sim.SwarmService, t *sim.SwarmTask, box sim.ContainerSpec) *sim.Container {
	box.Name = v.Name + "." + strconv.Itoa(t.Slot) + "." + t.ID
	box.Image, box.Service, box.Health = v.Image, v.Name, v.Health
	if box.Env == nil {
		box.Env = v.Env
	}
	box.Labels = merged(box.Labels, map[string]string{
		"com.docker.stack.namespace": v.Stack, "com.docker.swarm.service.name": v.Name, "com.docker.swarm.service.id": v.ID, "com.docker.swarm.task": "",
		"com.docker.swarm.task.id": t.ID, "com.docker.swarm.task.name": box.Name, "com.docker.swarm.node.id": t.NodeID,
	})
	// Names that a stack's services know each other by.
	box.Aliases = append([]string{v.Name}, box.Aliases...)
	box.Died = func(b *sim.Container, now time.Time, exit int) {
		over := &sim.SwarmTask{
			ID: c.s.Hex(fmt.Sprintf("dead %s %d", t.ID, now.UnixNano()), 25), NodeID: t.NodeID, Slot: t.Slot, State: "complete", Desired: "shutdown", Message: "finished",
			Image: v.Image, At: now, ContainerID: b.ID, Exit: exit,
		}
		if exit != 0 {
			over.State, over.Message, over.Err = "failed", "started", fmt.Sprintf("task: non-zero exit (%d)", exit)
		}
		v.Tasks = append(v.Tasks, over)
		if len(v.Tasks) > 40 {
			v.Tasks = append(v.Tasks[:len(v.Tasks)-20:len(v.Tasks)-20], v.Tasks[len(v.Tasks)-10:]...)
		}
		c.s.After(5*time.Second, func(time.Time) {
			if !b.Running() {
				b.Start()
			}
		})
	}
	return h.AddContainer(box)
}

// past adds a task that is over, for the history.
func (c *cluster) past(v *sim.SwarmService, node string, slot int, state, err string, ago time.Duration) {
	v.Tasks = append(v.Tasks, &sim.SwarmTask{
		ID: c.s.Hex(fmt.Sprintf("past %s %d %v", v.Name, slot, ago), 25), NodeID: c.nodeID(node), Slot: slot, State: state, Desired: "shutdown", Message: "started", Err: err,
		Image: v.Image, At: c.s.Start().Add(-ago), ContainerID: c.s.Hex(fmt.Sprintf("past box %s %v", v.Name, ago), 64), Exit: 1,
	})
}
