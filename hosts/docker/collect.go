package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"midwatch/hosts"
)

// The collectors of this package, as they stand in hosts.Evidence.
const (
	CollectEngine     = "docker.engine"
	CollectContainers = "docker.containers"
	CollectImages     = "docker.images"
	CollectStats      = "docker.stats"
	CollectVolumes    = "docker.volumes"
	CollectNetworks   = "docker.networks"
	CollectSwarm      = "docker.swarm"
	CollectUsage      = "docker.usage"
)

// Collectors lists them all.
func Collectors() []string {
	return []string{CollectEngine, CollectContainers, CollectImages, CollectStats, CollectVolumes, CollectNetworks, CollectSwarm, CollectUsage}
}

// source is the API call of a collector, for people.
func source(collector string) string {
	switch collector {
	case CollectEngine:
		return "GET /version, GET /info"
	case CollectContainers:
		return "GET /containers/json?all=1, GET /containers/ID/json"
	case CollectImages:
		return "GET /images/json"
	case CollectStats:
		return "GET /containers/ID/stats"
	case CollectVolumes:
		return "GET /volumes"
	case CollectNetworks:
		return "GET /networks"
	case CollectSwarm:
		return "GET /info, /nodes, /services, /tasks, /networks"
	case CollectUsage:
		return "GET /system/df"
	default:
		return collector
	}
}

// Source says which API calls a collector reads, as it stands in hosts.Part.
func Source(collector string) string { return source(collector) }

// Collect reads the raw, redacted answers of one collector. It never fails: what could not be read
// is in Error and Needs.
func (c *Client) Collect(ctx context.Context, collector string) hosts.Evidence {
	e := hosts.Evidence{Host: c.p.Host, Collector: collector, Source: source(collector), At: c.p.Now()}
	var err error
	switch collector {
	case CollectEngine:
		e.Data, err = c.engineDoc(ctx)
	case CollectContainers:
		e.Data, err = c.containersDoc(ctx)
	case CollectImages:
		e.Data, err = c.imagesDoc(ctx)
	case CollectStats:
		e.Data, err = c.statsDoc(ctx)
	case CollectVolumes:
		e.Data, err = c.listDoc(ctx, "list volumes", "/volumes")
	case CollectNetworks:
		e.Data, err = c.listDoc(ctx, "list networks", "/networks")
	case CollectSwarm:
		e.Data, err = c.swarmDoc(ctx)
	case CollectUsage:
		e.Data, err = c.usageDoc(ctx)
	default:
		err = fmt.Errorf("docker has no collector %q", collector)
	}
	e.Took = c.p.Now().Sub(e.At)
	if err != nil {
		e.Error, e.Needs = err.Error(), Needs(err)
	}
	return e
}

// Needs says what would make a failed call work; "" when nothing is known.
func Needs(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Needs
	}
	return ""
}

// containersEvidence is the document of CollectContainers.
type containersEvidence struct {
	List    json.RawMessage            `json:"list"`
	Inspect map[string]json.RawMessage `json:"inspect"`
}

func (c *Client) containersDoc(ctx context.Context) ([]byte, error) {
	list, err := c.fetch(ctx, "list containers", "/containers/json", url.Values{"all": {"1"}})
	if err != nil {
		return nil, err
	}
	list, err = c.redacted("list containers", list)
	if err != nil {
		return nil, err
	}
	all, err := parseList(list)
	if err != nil {
		return nil, err
	}
	doc := containersEvidence{List: list, Inspect: map[string]json.RawMessage{}}
	var missed []string
	for i := range all {
		one, err := c.inspectDoc(ctx, all[i].ID)
		switch {
		case err == nil:
			doc.Inspect[all[i].ID] = one
		case ctx.Err() != nil || errors.Is(err, hosts.ErrTimeout):
			return nil, err
		case !errors.Is(err, ErrNotFound): // one that is gone by now is not missed
			missed = append(missed, all[i].Name)
		}
	}
	data, err := json.Marshal(doc)
	if err == nil && len(missed) > 0 {
		err = &Error{Op: "inspect " + strings.Join(missed, ", "), Host: c.p.Host, Text: "not readable"}
	}
	return data, err
}

func (c *Client) statsDoc(ctx context.Context) ([]byte, error) {
	list, err := c.fetch(ctx, "list containers", "/containers/json", nil)
	if err != nil {
		return nil, err
	}
	running, err := parseList(list)
	if err != nil {
		return nil, err
	}
	ids := make([]string, 0, len(running))
	for i := range running {
		ids = append(ids, running[i].ID)
	}
	docs, err := c.statsDocs(ctx, ids)
	if err != nil {
		return nil, err
	}
	return json.Marshal(docs)
}
