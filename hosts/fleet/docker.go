package fleet

import (
	"context"

	"midwatch/hosts"
	"midwatch/hosts/docker"
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

func (e *engine) Evidence(ctx context.Context) []hosts.Evidence {
	var out []hosts.Evidence
	for _, c := range []string{docker.CollectEngine, docker.CollectContainers, docker.CollectImages, docker.CollectStats} {
		out = append(out, e.Collect(ctx, c))
	}
	return out
}

var _ Docker = (*engine)(nil)
