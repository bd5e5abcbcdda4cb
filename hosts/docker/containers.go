package docker

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"midwatch/hosts"
	"midwatch/hosts/redact"
)

const (
	// inspectAge is how long an inspect stands when nothing said that the container changed;
	// docker update and the like are seen through events, and without them this late.
	inspectAge = 10 * time.Minute
	// probedAge is the same for a container with a healthcheck, whose health log grows unseen.
	probedAge = time.Minute
)

// inspected is what inspect said of a container, and of which state.
type inspected struct {
	facts hosts.Container
	key   string        // stateKey of the list entry it belongs to
	up    time.Duration // how long the container had been in that state, coarsely
	at    time.Time
	dirty bool // an event said that it changed
}

// Containers returns all containers of the engine, running or not, with the facts of inspect
// (GET /containers/json?all=1, GET /containers/ID/json). A container is inspected again only when
// its state changed, an event touched it or its facts grew old; one that cannot be inspected keeps
// the facts of the list and Inspected false.
func (c *Client) Containers(ctx context.Context) ([]hosts.Container, error) {
	doc, err := c.fetch(ctx, "list containers", "/containers/json", url.Values{"all": {"1"}})
	if err != nil {
		return nil, err
	}
	list, err := parseList(doc)
	if err != nil {
		return nil, &Error{Op: "list containers", Host: c.p.Host, Text: oneLine(err.Error()), cause: err}
	}
	facts := make([]*hosts.Container, len(list))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(c.p.MaxConns)
	for i := range list {
		if old, fresh := c.known(&list[i]); fresh {
			facts[i] = &old
			continue
		}
		g.Go(func() error {
			f, err := c.inspect(gctx, &list[i])
			if errors.Is(err, hosts.ErrTimeout) || gctx.Err() != nil {
				return err // the engine hangs: do not wait for every other container too
			}
			if err == nil {
				facts[i] = &f
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	c.prune(list)
	for i := range list {
		if facts[i] != nil {
			list[i] = merge(list[i], *facts[i])
		}
	}
	return list, nil
}

// Container returns the facts of one container by name or ID, inspected now.
func (c *Client) Container(ctx context.Context, id string) (hosts.Container, error) {
	doc, err := c.inspectDoc(ctx, id)
	if err != nil {
		return hosts.Container{}, err
	}
	f, err := parseInspect(doc)
	if err != nil {
		return hosts.Container{}, &Error{Op: "inspect " + id, Host: c.p.Host, Text: oneLine(err.Error()), cause: err}
	}
	return f, nil
}

// inspectDoc fetches and redacts one inspect document.
func (c *Client) inspectDoc(ctx context.Context, id string) ([]byte, error) {
	if err := c.checkID("inspect", id); err != nil {
		return nil, err
	}
	doc, err := c.fetch(ctx, "inspect "+id, "/containers/"+id+"/json", nil)
	if err != nil {
		return nil, err
	}
	doc, err = redact.JSON(doc)
	if err != nil {
		return nil, &Error{Op: "inspect " + id, Host: c.p.Host, Text: "answer is not JSON", cause: err}
	}
	return doc, nil
}

// known returns the remembered facts and whether they still hold for this list entry.
func (c *Client) known(l *hosts.Container) (hosts.Container, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.seen[l.ID]
	if !ok || k.dirty || k.key != stateKey(l) || upTime(l.Status) < k.up {
		return hosts.Container{}, false
	}
	age := inspectAge
	if k.facts.Probe != "" || k.facts.Health != hosts.HealthNone {
		age = probedAge
	}
	if c.p.Now().Sub(k.at) >= age {
		return hosts.Container{}, false
	}
	k.up = upTime(l.Status)
	c.seen[l.ID] = k
	return k.facts, true
}

func (c *Client) inspect(ctx context.Context, l *hosts.Container) (hosts.Container, error) {
	// The mark goes first: an event that comes while we ask sets it again.
	c.mu.Lock()
	if k, ok := c.seen[l.ID]; ok {
		k.dirty = false
		c.seen[l.ID] = k
	} else {
		c.seen[l.ID] = inspected{key: "\x00"} // matches no state
	}
	c.mu.Unlock()
	f, err := c.Container(ctx, l.ID)
	if err != nil {
		c.Touch(l.ID)
		return hosts.Container{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[l.ID] = inspected{facts: f, key: stateKey(l), up: upTime(l.Status), at: c.p.Now(), dirty: c.seen[l.ID].dirty}
	return f, nil
}

// Touch says that a container changed, so that the next Containers inspects it. Events does this by
// itself.
func (c *Client) Touch(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k, ok := c.seen[id]; ok {
		k.dirty = true
		c.seen[id] = k
	}
}

// prune forgets containers that are gone.
func (c *Client) prune(list []hosts.Container) {
	here := make(map[string]bool, len(list))
	for i := range list {
		here[list[i].ID] = true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.seen {
		if !here[id] {
			delete(c.seen, id)
		}
	}
	for id := range c.samples {
		if !here[id] {
			delete(c.samples, id)
		}
	}
}

// stateKey is what of a list entry changes when inspect would.
func stateKey(l *hosts.Container) string {
	status := l.Status
	if i := strings.IndexByte(status, '('); i >= 0 {
		status = status[i:] // "(healthy)", "(137) 2 minutes ago"
		if j := strings.IndexByte(status, ')'); j >= 0 {
			status = status[:j]
		}
	} else {
		status = ""
	}
	return l.State + "\x00" + l.Name + "\x00" + status
}

// upTime reads the coarse age in "Up 3 minutes" or "Exited (1) 2 hours ago". It only ever grows
// while a container stays in one state, so a smaller one means a restart between two looks.
func upTime(status string) time.Duration {
	words := strings.Fields(status)
	for i := 1; i < len(words); i++ {
		unit, ok := statusUnits[strings.TrimSuffix(words[i], "s")]
		if !ok {
			continue
		}
		switch words[i-1] {
		case "a", "an":
			return unit
		case "than": // "Less than a second"
			return 0
		}
		var n int64
		for _, r := range words[i-1] {
			if r < '0' || r > '9' || n > 1_000_000 {
				return 0
			}
			n = n*10 + int64(r-'0')
		}
		if i >= 2 && words[i-2] == "than" {
			return 0
		}
		return time.Duration(n) * unit
	}
	return 0
}

// statusUnits are the words of units.HumanDuration in the engine; never written to.
var statusUnits = map[string]time.Duration{
	"second": time.Second, "minute": time.Minute, "hour": time.Hour,
	"day": 24 * time.Hour, "week": 7 * 24 * time.Hour, "month": 30 * 24 * time.Hour, "year": 365 * 24 * time.Hour,
}
