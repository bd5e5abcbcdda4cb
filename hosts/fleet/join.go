package fleet

import (
	"context"
	"fmt"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/docker"
	"midwatch/hosts/endpoint"
)

// engine joins a docker.Client to a Fleet.
type engine struct {
	*docker.Client
	cursor docker.EventCursor // used by one Events at a time
}

// Engine makes a member's Docker of a client. It belongs to one member of one fleet.
func Engine(c *docker.Client) Docker { return &engine{Client: c} }

func (e *engine) Events(ctx context.Context, opened func(), emit func(hosts.Event)) error {
	return e.Client.Events(ctx, &e.cursor, opened, emit)
}

func (e *engine) Evidence(ctx context.Context, samples bool) []hosts.Evidence {
	var out []hosts.Evidence
	for _, c := range []string{docker.CollectEngine, docker.CollectContainers, docker.CollectImages, docker.CollectStats} {
		if c == docker.CollectStats && !samples {
			continue
		}
		out = append(out, e.Collect(ctx, c))
	}
	return out
}

// Collectors are asked for what changes seldom and is looked at seldom.
func (e *engine) Collectors() []Collector {
	one := func(id string, every time.Duration, topic hosts.Topic, faster int) Collector {
		return Collector{
			ID: id, Title: docker.Source(id), Every: every, Watch: topic, Faster: faster, engine: true,
			Collect: func(ctx context.Context, _ *hosts.HostFacts) []hosts.Evidence {
				return []hosts.Evidence{e.Collect(ctx, id)}
			},
			Apply: func(f *hosts.HostFacts, ev hosts.Evidence) error {
				if !applyDocker(f, ev) {
					return fmt.Errorf("no part for evidence of %s", ev.Collector)
				}
				return nil
			},
		}
	}
	// An engine counts for long, so it is only asked to where that is of use.
	usage := one(docker.CollectUsage, 30*time.Minute, hosts.TopicServices, 0)
	usage.Limit, usage.Ready = time.Minute, hosts.EngineDiskFilling
	return []Collector{
		usage,
		one(docker.CollectVolumes, 2*time.Minute, hosts.TopicServices, 4),
		one(docker.CollectNetworks, 2*time.Minute, hosts.TopicServices, 4),
		one(docker.CollectSwarm, time.Minute, hosts.TopicServices, 12),
	}
}

// Endpoint makes a Collector of a reader. It is asked faster times as often while topic is looked
// at; offline says that it is asked from this machine and does not need the host's connection.
func Endpoint(r endpoint.Reader, topic hosts.Topic, faster int, offline bool) Collector {
	return Collector{
		ID: r.ID + " " + r.Source, Title: r.Source, Every: r.Every, Watch: topic, Faster: faster, Offline: offline, Ready: r.Ready,
		Collect: func(ctx context.Context, f *hosts.HostFacts) []hosts.Evidence {
			return []hosts.Evidence{r.Read(ctx, f)}
		},
		Apply: func(f *hosts.HostFacts, ev hosts.Evidence) error {
			if !endpoint.Apply(f, ev) {
				return fmt.Errorf("no part for evidence of %s", ev.Collector)
			}
			return nil
		},
	}
}

var _ Docker = (*engine)(nil)
