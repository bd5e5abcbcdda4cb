package history

import (
	"fmt"
	"strings"
	"time"

	"midwatch/hosts"
)

// Images remembers which image each container of a host was last seen with, by the container's
// name: a deploy is a container of the same name with another one.
type Images map[string]image

type image struct{ id, name string }

// imagesKept bounds what is remembered of a host whose containers have names made by chance.
const imagesKept = 4096

// Next takes a list of containers and returns the deploys since the last one.
func (m Images) Next(now []hosts.Container, at Look) []hosts.Event {
	var out []hosts.Event
	for i := range now {
		c := &now[i]
		if c.ImageID == "" {
			continue
		}
		is := image{c.ImageID, c.Image}
		was, known := m[c.Name]
		if known && was.id != is.id {
			out = append(out, hosts.Event{
				At: at.when(c.Created), Kind: KindDeploy, Object: c.Name, ID: c.ID, Action: "new image", Detail: was.told(is),
			})
		}
		if known || len(m) < imagesKept {
			m[c.Name] = is
		}
	}
	return out
}

// told is the change from one image to another, by name where the names differ.
func (i image) told(now image) string {
	if i.name != now.name {
		return i.name + " → " + now.name
	}
	return now.name + ": " + short(i.id) + " → " + short(now.id)
}

func short(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(len(id), 12)]
}

// swarm tells of services that were updated, and of replicas that are missing or back.
func swarm(old, now hosts.Swarm, at Look) []hosts.Event {
	was := map[string]*hosts.SwarmService{}
	for i := range old.Services {
		was[old.Services[i].Name] = &old.Services[i]
	}
	var out []hosts.Event
	add := func(kind string, s *hosts.SwarmService, when time.Time, action, detail string) {
		out = append(out, hosts.Event{At: at.when(when), Kind: kind, Object: s.Name, ID: s.ID, Action: action, Detail: detail})
	}
	for i := range now.Services {
		s := &now.Services[i]
		o, ok := was[s.Name]
		if !ok {
			continue
		}
		if o.Image != s.Image {
			add(KindDeploy, s, s.Updated, "new image", o.Image+" → "+s.Image)
		}
		if o.UpdateState != s.UpdateState && s.UpdateState != "" {
			add(KindDeploy, s, s.Updated, "update "+s.UpdateState, s.UpdateInfo)
		}
		if o.Running != s.Running || o.Wanted != s.Wanted {
			action := "replicas changed"
			switch {
			case s.Running < s.Wanted && (o.Running >= o.Wanted || s.Running < o.Running):
				action = "replicas missing"
			case s.Running >= s.Wanted && o.Running < o.Wanted:
				action = "replicas complete"
			}
			add(KindService, s, time.Time{}, action, fmt.Sprintf("%d of %d run, were %d of %d", s.Running, s.Wanted, o.Running, o.Wanted))
		}
	}
	return out
}

// dokploy tells of deployments that began or ended.
func dokploy(old, now hosts.Dokploy, at Look) []hosts.Event {
	was := map[string]string{}
	for _, d := range deployments(old) {
		was[d.ID] = d.Status
	}
	var out []hosts.Event
	for _, d := range deployments(now) {
		if status, ok := was[d.ID]; ok && status == d.Status {
			continue
		}
		out = append(out, d.event(at))
	}
	return out
}

type deployment struct {
	hosts.DokployDeployment
	app string
}

func deployments(d hosts.Dokploy) []deployment {
	var out []deployment
	for _, p := range d.Projects {
		for _, a := range p.Apps {
			for _, x := range a.Deployments {
				out = append(out, deployment{x, p.Name + "/" + a.Name})
			}
		}
	}
	return out
}

func (d deployment) event(at Look) hosts.Event {
	when := d.Created
	if !d.Finished.IsZero() {
		when = d.Finished
	}
	return hosts.Event{
		At: at.when(when), Kind: KindDeploy, Object: d.app, ID: d.ID, Action: "deployment " + d.Status,
		Detail: strings.Trim(d.Title+": "+d.Error, ": "),
	}
}
