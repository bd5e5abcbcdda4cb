package hostrules

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"midwatch/checks"
	"midwatch/hosts"
)

func circularDeploy() checks.Check {
	return checks.Check{
		ID:       "circular-deploy-dependency",
		Title:    "what deploys it needs it",
		Area:     checks.AreaHost,
		Severity: checks.Warning,
		Why: "As long as all runs, nobody notices. After an outage neither can be started: the images are in a registry that waits for its own image, " +
			"or the tool that deploys is deployed by itself.",
		Fix:       "Write down, and try, the way without it: an image of the registry or the tool in a second place (docker save, another registry), and a compose file that starts it by hand.",
		Verify:    "the written way, tried once on an empty machine",
		Sources:   []string{"https://sre.google/sre-book/managing-critical-state/"},
		Diagnoses: []string{"circular-deploy"},
		Eval:      checks.OnFleet(evalCircular),
	}
}

// registry is a container that holds the images of others.
type registry struct {
	host *checks.Host
	c    *hosts.Container
	port uint16
}

func evalCircular(w *checks.World) []checks.Finding {
	out := registryCircles(w)
	for _, h := range w.Hosts {
		out = append(out, dokployCircles(h)...)
	}
	return out
}

// registryCircles finds registries whose own host pulls from them.
func registryCircles(w *checks.World) []checks.Finding {
	var out []checks.Finding
	for _, r := range registries(w) {
		for i := range r.host.Containers.Value {
			c := &r.host.Containers.Value[i]
			name, port := registryOf(c.Image)
			if name == "" || port != r.port || !names(r.host, name) {
				continue
			}
			f := r.host.Find("container "+r.c.Name, checks.NeedContainers, fmt.Sprintf("%s runs %s; registry %s is container %s (%s)", c.Name, c.Image, name, r.c.Name, r.c.Image))
			f.Title = fmt.Sprintf("%s pulls its images from the registry %s on the same host", r.host.Name, r.c.Name)
			if c.ID == r.c.ID {
				f.Title, f.Severity = "the registry "+r.c.Name+" pulls its own image from itself", checks.Error
			}
			out = append(out, f)
			break
		}
	}
	return out
}

func registries(w *checks.World) []registry {
	var out []registry
	for _, h := range w.Hosts {
		for i := range h.Containers.Value {
			c := &h.Containers.Value[i]
			if !isRegistry(c.Image) {
				continue
			}
			for _, p := range append(slices.Clone(c.Ports), c.Bindings...) {
				if p.HostPort != 0 && p.Proto == "tcp" {
					out = append(out, registry{h, c, p.HostPort})
					break
				}
			}
		}
	}
	return out
}

func isRegistry(image string) bool {
	name := image[strings.LastIndexByte(image, '/')+1:]
	name, _, _ = strings.Cut(name, ":")
	name, _, _ = strings.Cut(name, "@")
	return slices.Contains([]string{"registry", "gitea", "forgejo", "harbor-core", "registry-photon", "gitlab-ce", "gitlab-ee", "nexus3", "zot", "distribution"}, name)
}

// registryOf gives host and port of the registry an image comes from; "" for Docker Hub.
func registryOf(image string) (host string, port uint16) {
	first, _, ok := strings.Cut(image, "/")
	if !ok || !strings.ContainsAny(first, ".:") && first != "localhost" {
		return "", 0
	}
	host, portText, err := net.SplitHostPort(first)
	if err != nil {
		return first, 443
	}
	var n int
	if _, err := fmt.Sscanf(portText, "%d", &n); err != nil || n < 1 || n > 65535 {
		return "", 0
	}
	return host, uint16(n)
}

// names reports that a name or an address means a host.
func names(h *checks.Host, name string) bool {
	if name == "localhost" || name == "127.0.0.1" || name == h.HostFacts.Host.Address || name == h.Name || name == h.System.Value.Hostname {
		return true
	}
	return slices.ContainsFunc(h.Addresses.Value, func(a string) bool {
		own, _, _ := strings.Cut(a, "/")
		return own == name
	})
}

// dokployCircles finds applications of a Dokploy that serve the address it is reached by, and those
// whose images or sources lie in what it deploys.
func dokployCircles(h *checks.Host) []checks.Finding {
	d := h.Dokploy.Value
	u, err := url.Parse(d.URL)
	if !h.Dokploy.Known() || err != nil || u.Hostname() == "" {
		return nil
	}
	domains := map[string]string{}
	for _, p := range d.Projects {
		for _, a := range p.Apps {
			for _, x := range a.Domains {
				domains[x.Host] = p.Name + "/" + a.Name
			}
		}
	}
	var out []checks.Finding
	if app := domains[u.Hostname()]; app != "" {
		f := h.Find("dokploy app "+app, checks.NeedDokploy, fmt.Sprintf("%s has the domain %s, by which Dokploy is reached", app, u.Hostname()))
		f.Title = "Dokploy is reached through " + app + ", which it deploys itself"
		out = append(out, f)
	}
	for _, p := range d.Projects {
		for _, a := range p.Apps {
			name, _ := registryOf(a.Image)
			if owner := domains[name]; owner != "" {
				f := h.Find("dokploy app "+p.Name+"/"+a.Name, checks.NeedDokploy, fmt.Sprintf("image %s comes from %s, which is %s of the same Dokploy", a.Image, name, owner))
				f.Title = p.Name + "/" + a.Name + " needs " + owner + " to be deployed"
				out = append(out, f)
			}
		}
	}
	return out
}
