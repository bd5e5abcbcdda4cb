package endpoint

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"midwatch/hosts"
)

// Reader reads one kind of thing from one host.
type Reader struct {
	ID     string        // the Collector of its evidence
	Source string        // as a person would run it
	Every  time.Duration // how often it is worth asking
	// Ready reports whether the facts it goes by are known; nil: it goes by none.
	Ready func(h *hosts.HostFacts) bool
	// Read asks. h are the facts of the host as they are known, to find containers by; it is not
	// changed. Read never fails: what could not be had is in the evidence.
	Read func(ctx context.Context, h *hosts.HostFacts) hosts.Evidence
}

// The collectors of this package, as they stand in hosts.Evidence.
const (
	CollectNginx    = "nginx.containers"
	CollectEnvoy    = "envoy"
	CollectTraefik  = "traefik"
	CollectDokploy  = "dokploy"
	CollectAgentHub = "agents.hub"
	CollectProbe    = "probe"
	CollectSymptoms = "symptoms.containers"
)

// byContainers is Ready for readers that find what they read by the containers of a host.
func byContainers(h *hosts.HostFacts) bool { return h.Containers.Standing() != hosts.Unasked }

// timeout bounds one request or command of a Reader.
const timeout = 8 * time.Second

// evidence wraps what was read; v becomes its JSON.
func evidence(host, id, source string, at time.Time, took time.Duration, v any, err error) hosts.Evidence {
	ev := hosts.Evidence{Host: host, Collector: id, Source: source, At: at, Took: took}
	if err != nil {
		ev.Error = hosts.Clean(err.Error())
		return ev
	}
	data, err := json.Marshal(v)
	if err != nil {
		ev.Error = err.Error()
		return ev
	}
	ev.Data = data
	return ev
}

// Apply puts the evidence of a Reader into f and reports whether it was one of this package. f must
// be a copy that nobody else reads; the slices in it may be shared, they are not changed.
func Apply(f *hosts.HostFacts, ev hosts.Evidence) (mine bool) {
	switch ev.Collector {
	case CollectNginx:
		applyNginx(f, ev)
	case CollectEnvoy:
		fill(&f.Envoy, ev, parseEnvoy)
	case CollectTraefik:
		applyTraefik(f, ev)
	case CollectDokploy:
		fill(&f.Dokploy, ev, parseDokploy)
	case CollectAgentHub:
		fill(&f.AgentHub, ev, parseAgentHub)
	case CollectProbe:
		applyProbes(f, ev)
	case CollectSymptoms:
		fill(&f.ContainerSymptoms, ev, parseSymptoms)
	default:
		return false
	}
	if ev.Error == "" && ev.At.After(f.Latest) {
		f.Latest = ev.At
	}
	return true
}

func fill[T any](p *hosts.Part[T], ev hosts.Evidence, parse func([]byte) (T, error)) {
	if ev.Error != "" {
		*p = p.Failed(ev.Error, ev.Needs, ev.Source, ev.At)
		return
	}
	v, err := parse(ev.Data)
	if err != nil {
		*p = p.Failed(hosts.Clean(err.Error()), ev.Needs, ev.Source, ev.At)
		return
	}
	*p = hosts.Read(v, ev.Source, ev.At)
}

func parseJSON[T any](data []byte, what string) (T, error) {
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		return v, fmt.Errorf("%s: %w", what, err)
	}
	return v, nil
}
