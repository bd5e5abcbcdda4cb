package hostrules

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"midwatch/checks"
	"midwatch/hosts"
)

func swarmVIP() checks.Check {
	return checks.Check{
		ID:       "swarm-vip-dns",
		Title:    "a service of a Swarm does not answer under its own address, while its tasks run",
		Area:     checks.AreaSwarm,
		Severity: checks.Error,
		Why: "A service has one virtual address in each network, and each node sends what comes there on to a task. When that table, or the overlay between the nodes, is broken " +
			"(4789/udp, 7946/tcp+udp closed, a wrong MTU, a node that was restored from an image), the name resolves and nothing answers, on some nodes only.",
		Fix:       "Compare getent hosts NAME and getent hosts tasks.NAME in a container of the network; docker service update --force NAME gives new endpoints; open 7946 and 4789 between the nodes. endpoint_mode: dnsrr does without the address.",
		Verify:    "curl to NAME and to each address of tasks.NAME answers from every node",
		Sources:   []string{"https://docs.docker.com/engine/swarm/networking/", "https://docs.docker.com/engine/swarm/ingress/"},
		Diagnoses: []string{"swarm-policy", "reachability"},
		Needs:     []checks.Need{checks.NeedSwarm},
		Also:      []checks.Need{checks.NeedLogs, checks.NeedProbes},
		Eval:      checks.OnHost(evalSwarmVIP),
	}
}

func evalSwarmVIP(h *checks.Host) []checks.Finding {
	s := h.Swarm.Value
	if !s.Manager || !speaksForSwarm(h) {
		return checks.NotHere("no manager of a Swarm, or another one speaks for it")
	}
	var out []checks.Finding
	for i := range s.Services {
		v := &s.Services[i]
		if v.Running == 0 || strings.HasSuffix(v.Mode, "-job") {
			continue // swarm-task-pending says so
		}
		f := h.Find("service "+v.Name, checks.NeedSwarm, fmt.Sprintf("%s: endpoint mode %s, addresses %s, %d of %d running", v.Name, orElse(v.Endpoint, "unknown"), orElse(strings.Join(v.VIPs, ", "), "none"), v.Running, v.Wanted))
		switch spoken := saidOfVIP(h, v); {
		case v.Endpoint == "vip" && len(v.VIPs) == 0 && len(overlays(v.Networks)) > 0:
			f.Title, f.Severity = v.Name+" has no virtual address in its networks: its name resolves to nothing", checks.Warning
		case len(spoken) > 0:
			f.Title = fmt.Sprintf("%s does not answer under %s, while %d of its tasks run", v.Name, strings.Join(v.VIPs, ", "), v.Running)
			f.Evidence = append(f.Evidence, spoken...)
		default:
			answers, silent := meshProbes(h, v)
			if len(answers) == 0 || len(silent) == 0 {
				continue
			}
			f.Title = fmt.Sprintf("the port of %s answers on %s and not on %s", v.Name, strings.Join(nodesOf(answers), ", "), strings.Join(nodesOf(silent), ", "))
			for _, p := range append(silent, answers...) {
				f.Evidence = append(f.Evidence, p.evidence)
			}
		}
		out = append(out, f)
	}
	return out
}

// overlays are the networks in which a service can have an address.
func overlays(networks []string) []string {
	return slices.DeleteFunc(slices.Clone(networks), func(n string) bool { return n == "host" || n == "none" || n == "bridge" })
}

// upstreamOf is where nginx says it could not get through to.
var upstreamOf = regexp.MustCompile(`upstream: "[a-z+]+://(\[[0-9a-f:]+\]|[0-9.]+):`)

// saidOfVIP are the lines of logs in which a proxy could not reach the address of a service. A refusal comes
// from a task: there the way is good.
func saidOfVIP(h *checks.Host, v *hosts.SwarmService) []checks.Evidence {
	var out []checks.Evidence
	for _, x := range h.World.Hosts {
		for _, id := range []string{"upstream-timed-out", "upstream-refused"} {
			for _, s := range x.LogSymptoms(id) {
				m := upstreamOf.FindStringSubmatch(s.Line)
				if m == nil || !has(v.VIPs, strings.Trim(m[1], "[]")) || strings.Contains(s.Line, "(111") || strings.Contains(s.Line, "while reading") {
					continue
				}
				out = append(out, x.Spoken(s).Evidence...)
			}
		}
	}
	return out[:min(3, len(out))]
}

// meshProbe is the last answer of a probe to a node.
type meshProbe struct {
	node     string
	evidence checks.Evidence
}

func nodesOf(list []meshProbe) []string {
	var out []string
	for _, p := range list {
		if !has(out, p.node) {
			out = append(out, p.node)
		}
	}
	return out
}

// meshProbes are the probes of the published ports of a service, by whether the node let them through.
// Every node answers for every service, where its ports are not those of the node's own tasks.
func meshProbes(h *checks.Host, v *hosts.SwarmService) (answers, silent []meshProbe) {
	if v.PublishMode == "host" {
		return nil, nil
	}
	for _, x := range h.World.Hosts {
		for _, p := range x.Probes.Value {
			name, port := hostPort(p.Target)
			node := nodeAt(h, name)
			if node == "" || len(p.Results) == 0 || !slices.ContainsFunc(v.Ports, func(q hosts.Port) bool { return int(q.HostPort) == port && q.HostPort != 0 }) {
				continue
			}
			r := p.Results[len(p.Results)-1]
			m := meshProbe{node, checks.Evidence{Source: p.Target, Text: orElse(r.Reason, fmt.Sprintf("answered %d", r.Status)), Host: x.Name, At: r.At}}
			switch {
			case r.OK || r.Status > 0:
				answers = append(answers, m)
			default:
				silent = append(silent, m)
			}
		}
	}
	// A node that answers one probe and not another has its trouble behind the mesh.
	good := nodesOf(answers)
	silent = slices.DeleteFunc(silent, func(m meshProbe) bool { return has(good, m.node) })
	return answers, silent
}

// hostPort is where a probe goes.
func hostPort(target string) (name string, port int) {
	u, err := url.Parse(target)
	if err == nil && u.Host != "" {
		name = u.Hostname()
		port, _ = strconv.Atoi(cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme]))
		return name, port
	}
	name, p, err := net.SplitHostPort(target)
	if err != nil {
		return "", 0
	}
	port, _ = strconv.Atoi(p)
	return name, port
}

// nodeAt is the node of the Swarm that has an address, "" for none that is up.
func nodeAt(h *checks.Host, address string) string {
	for _, n := range h.Swarm.Value.Nodes {
		if n.State == "ready" && (n.Addr == address || n.Hostname == address) {
			return n.Hostname
		}
	}
	for _, x := range h.World.Hosts {
		if x.Host.Address != address && !has(x.Addresses.Value, address) {
			continue
		}
		for _, n := range h.Swarm.Value.Nodes {
			if n.State == "ready" && n.Hostname == x.System.Value.Hostname && n.Hostname != "" {
				return n.Hostname
			}
		}
	}
	return ""
}
