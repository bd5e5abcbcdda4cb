package step

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/ops/deploy"
)

// envoyKind ("envoy") puts a cluster into a control plane: it reads what is there, sends the cluster only when
// it differs, and wants to see it and its endpoint afterwards. A control plane of this kind has no word for
// removing, so a cluster that was not there before can only be taken out by a person.
type envoyKind struct{}

// envoyRecord says which cluster; what it was is in the blob blobBody.
type envoyRecord struct {
	Name  string `json:"name"`
	There bool   `json:"there,omitempty"` // it was there before
}

// Paths and times of an envoy step that says nothing about them.
const (
	envoyGet    = "/clusters"
	envoyPost   = "/add-cluster"
	envoyWithin = time.Minute
)

// Class: the control plane says what it has, and sending the same cluster again changes nothing.
func (envoyKind) Class(any) Class { return Repeat }

// wantedCluster reads the cluster that shall be there.
func wantedCluster(ctx context.Context, e *Env, s *deploy.Envoy) (name string, cluster any, body []byte, err error) {
	body, from := []byte(s.Cluster), "cluster"
	if s.Upsert != "" {
		from = hosts.CleanLine(string(s.Upsert))
		if body, err = readLocal(ctx, e, string(s.Upsert)); err != nil {
			return "", nil, nil, err
		}
	}
	if cluster, err = decodeJSON(body); err != nil {
		return "", nil, nil, refused("this machine: %s is not JSON: correct it", from)
	}
	v, _ := jsonAt(cluster, "name")
	if name, _ = v.(string); name == "" {
		return "", nil, nil, refused("this machine: %s has no name: a cluster is found by it", from)
	}
	if s.ExpectEndpoint != "" && !hasEndpoint(cluster, string(s.ExpectEndpoint)) {
		return name, cluster, body, refused("this machine: %s sends cluster %s to %s, not to %s: correct one of them",
			from, brief(name), orWord(strings.Join(endpoints(cluster), ", "), "no endpoint"), brief(string(s.ExpectEndpoint)))
	}
	return name, cluster, body, nil
}

// currentCluster asks the control plane; nil when it does not have the cluster.
func currentCluster(ctx context.Context, e *Env, s *deploy.Envoy, name string) (any, error) {
	resp, err := askPlane(ctx, e, s, http.MethodGet, orWord(string(s.Get), envoyGet), nil)
	if err != nil {
		return nil, err
	}
	doc, err := decodeJSON(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("%s%s: %w", shortURL(string(s.URL)), orWord(string(s.Get), envoyGet), err)
	}
	return findCluster(doc, name), nil
}

func askPlane(ctx context.Context, e *Env, s *deploy.Envoy, method, path string, body []byte) (Response, error) {
	r := Request{Method: method, URL: strings.TrimRight(string(s.URL), "/") + path, Body: body, Header: map[string]string{}}
	if body != nil {
		r.Header["Content-Type"] = "application/json"
	}
	if e.Host != "" {
		r.Via = e.Conn
	}
	resp, err := e.HTTP.Do(ctx, r)
	switch {
	case err != nil:
		return resp, err
	case resp.Status/100 != 2:
		return resp, fmt.Errorf("%s %s: %d%s", method, shortURL(r.URL), resp.Status, serverSays(resp.Body))
	}
	return resp, nil
}

// findCluster looks for an object with this name, or a key of this name, wherever the answer has it.
func findCluster(doc any, name string) any {
	switch v := doc.(type) {
	case map[string]any:
		if v["name"] == name {
			return v
		}
		if c, ok := v[name].(map[string]any); ok {
			return c
		}
		for _, k := range sortedKeys(v) {
			if c := findCluster(v[k], name); c != nil {
				return c
			}
		}
	case []any:
		for _, x := range v {
			if c := findCluster(x, name); c != nil {
				return c
			}
		}
	}
	return nil
}

// endpoints are the addresses in a cluster, as "10.0.0.1:8002": every object with an address and a port, in
// whichever of the spellings control planes use.
func endpoints(v any) (out []string) {
	switch v := v.(type) {
	case map[string]any:
		if a, p := first(v, "address", "host"), first(v, "portValue", "port_value", "port"); a != "" && p != "" {
			return []string{net.JoinHostPort(a, p)}
		}
		for _, k := range sortedKeys(v) {
			out = append(out, endpoints(v[k])...)
		}
	case []any:
		for _, x := range v {
			out = append(out, endpoints(x)...)
		}
	}
	return out
}

// first is the first of the keys that has a text or a number.
func first(m map[string]any, keys ...string) string {
	for _, k := range keys {
		switch v := m[k].(type) {
		case string, json.Number:
			return fmt.Sprint(v)
		}
	}
	return ""
}

func hasEndpoint(cluster any, want string) bool {
	for _, ep := range endpoints(cluster) {
		if ep == want {
			return true
		}
	}
	return false
}

func (envoyKind) Plan(ctx context.Context, e *Env) (Change, error) {
	s, err := settings[deploy.Envoy](e)
	if err != nil {
		return Change{}, err
	}
	name, want, _, err := wantedCluster(ctx, e, s)
	if err != nil {
		return Change{}, err
	}
	have, err := currentCluster(ctx, e, s, name)
	if err != nil {
		return Change{}, err
	}
	c := Change{Saw: name + " " + digest([]byte(indented(have)))}
	if have != nil && jsonHolds(have, want, "") == "" {
		c.Nothing, c.Back = true, BackNone
		c.Lines = []string{"cluster " + brief(name) + " is as wanted"}
		return c, nil
	}
	old, sign := "", "+"
	c.Back, c.BackLines = envoyWay(name, have != nil)
	if have != nil {
		old, sign = indented(have), "~"
	}
	d, add, del := textDiff("cluster "+brief(name), old, indented(merge(have, want)))
	c.Detail = []Detail{d}
	c.Lines = []string{fmt.Sprintf("%s cluster %s: +%d -%d lines", sign, brief(name), add, del)}
	if a, b := strings.Join(endpoints(have), ", "), strings.Join(endpoints(want), ", "); have != nil && a != b {
		c.Lines = append(c.Lines, fmt.Sprintf("endpoints %s → %s", orWord(a, "none"), orWord(b, "none")))
	}
	return c, nil
}

func envoyWay(name string, there bool) (Way, []string) {
	if there {
		return BackReversible, []string{"cluster " + brief(name) + " is sent again as it was"}
	}
	return BackManual, []string{"cluster " + brief(name) + " was not there: the control plane has no word for removing it"}
}

func (envoyKind) Record(ctx context.Context, e *Env) (Undo, error) {
	s, err := settings[deploy.Envoy](e)
	if err != nil {
		return Undo{}, err
	}
	name, want, _, err := wantedCluster(ctx, e, s)
	if err != nil {
		return Undo{}, err
	}
	have, err := currentCluster(ctx, e, s, name)
	if err != nil {
		return Undo{}, err
	}
	u := Undo{Kind: "envoy", Data: data(envoyRecord{Name: name, There: have != nil})}
	u.Way, u.Lines = envoyWay(name, have != nil)
	if have != nil {
		if jsonHolds(have, want, "") == "" {
			u.Nothing, u.Way, u.Lines = true, BackNone, nil
		}
		j, err := json.Marshal(have)
		if err != nil {
			return u, err
		}
		u.Blobs = []string{blobBody}
		if err := e.Store.Put(ctx, blobBody, bytes.NewReader(j)); err != nil {
			return u, err
		}
	}
	return u, nil
}

func (envoyKind) Act(ctx context.Context, e *Env, u Undo) error {
	s, err := settings[deploy.Envoy](e)
	if err != nil || u.Nothing {
		return err
	}
	name, want, body, err := wantedCluster(ctx, e, s)
	if err != nil {
		return err
	}
	have, err := currentCluster(ctx, e, s, name)
	if err != nil {
		return err
	}
	if have != nil && jsonHolds(have, want, "") == "" {
		return nil
	}
	was, err := clusterBefore(ctx, e, u)
	if err != nil {
		return err
	}
	if d := clusterDiffers(was, have); d != "" {
		return refused("%s: cluster %s was changed by someone else since the plan (%s): look at it and plan again", shortURL(string(s.URL)), brief(name), d)
	}
	_, err = askPlane(ctx, e, s, http.MethodPost, orWord(string(s.Post), envoyPost), body)
	return err
}

// clusterBefore is the cluster of the record, nil when there was none.
func clusterBefore(ctx context.Context, e *Env, u Undo) (any, error) {
	r, err := unpack[envoyRecord](u)
	if err != nil || !r.There {
		return nil, err
	}
	j, err := e.Store.Get(ctx, blobBody)
	if err != nil {
		return nil, err
	}
	return decodeJSON(j)
}

// clusterDiffers says where two clusters differ, "" when they do not; nil is none.
func clusterDiffers(a, b any) string {
	switch {
	case a == nil && b == nil:
		return ""
	case a == nil:
		return "it is there now"
	case b == nil:
		return "it is not there any more"
	}
	if d := jsonHolds(b, a, ""); d != "" {
		return d
	}
	return jsonHolds(a, b, "")
}

// Verify waits until the control plane has the cluster with its endpoint, then until the edge's probes pass.
func (envoyKind) Verify(ctx context.Context, e *Env, u Undo) (Seen, error) {
	s, err := settings[deploy.Envoy](e)
	if err != nil {
		return Seen{}, err
	}
	name, want, _, err := wantedCluster(ctx, e, s)
	if err != nil {
		return Seen{}, err
	}
	within, began := orElse(s.Within, envoyWithin), time.Now()
	for {
		line := ""
		have, err := currentCluster(ctx, e, s, name)
		switch {
		case ctx.Err() != nil:
			return Seen{}, context.Cause(ctx)
		case err != nil:
			line = err.Error()
		case have == nil:
			line = "cluster " + brief(name) + " is not there"
		case jsonHolds(have, want, "") != "":
			line = fmt.Sprintf("cluster %s: %s is not as wanted", brief(name), jsonHolds(have, want, ""))
		case s.ExpectEndpoint != "" && !hasEndpoint(have, string(s.ExpectEndpoint)):
			line = fmt.Sprintf("cluster %s goes to %s, not to %s", brief(name), strings.Join(endpoints(have), ", "), brief(string(s.ExpectEndpoint)))
		}
		if line == "" {
			break
		}
		if time.Since(began) >= within {
			return Seen{Line: line}, nil
		}
		note(e, "waits: %s", line)
		if err := pause(ctx, time.Second); err != nil {
			return Seen{}, err
		}
	}
	seen := Seen{OK: true}
	if len(s.Probe) > 0 {
		h := hold{probes: s.Probe, within: max(within-time.Since(began), 0)}
		if seen, err = h.wait(ctx, e); err != nil || !seen.OK {
			return seen, err
		}
	}
	seen.Changed, seen.Line = !u.Nothing, "cluster "+brief(name)+" is as wanted"
	if s.ExpectEndpoint != "" {
		seen.Line += ", to " + brief(string(s.ExpectEndpoint))
	}
	return seen, nil
}

func (envoyKind) Probe(ctx context.Context, e *Env, u Undo) (Progress, error) {
	s, err := settings[deploy.Envoy](e)
	if err != nil {
		return Unclear, err
	}
	name, want, _, err := wantedCluster(ctx, e, s)
	if err != nil {
		return Unclear, err
	}
	have, err := currentCluster(ctx, e, s, name)
	if err != nil {
		return Unclear, err
	}
	was, err := clusterBefore(ctx, e, u)
	switch {
	case err != nil:
		return Unclear, err
	case have != nil && jsonHolds(have, want, "") == "":
		return Ended, nil
	case clusterDiffers(was, have) == "":
		return NotStarted, nil
	}
	return Unclear, nil
}

func (envoyKind) Undo(ctx context.Context, e *Env, u Undo) error {
	s, err := settings[deploy.Envoy](e)
	if err != nil || u.Nothing {
		return err
	}
	r, err := unpack[envoyRecord](u)
	if err != nil {
		return err
	}
	if !r.There {
		return refused("%s: cluster %s was not there before, and the control plane has no word for removing it: a person must", shortURL(string(s.URL)), brief(r.Name))
	}
	body, err := e.Store.Get(ctx, blobBody)
	if err != nil {
		return err
	}
	_, err = askPlane(ctx, e, s, http.MethodPost, orWord(string(s.Post), envoyPost), body)
	return err
}

func (envoyKind) Undone(ctx context.Context, e *Env, u Undo) (Seen, error) {
	s, err := settings[deploy.Envoy](e)
	if err != nil {
		return Seen{}, err
	}
	r, err := unpack[envoyRecord](u)
	if err != nil {
		return Seen{}, err
	}
	have, err := currentCluster(ctx, e, s, r.Name)
	if err != nil {
		return Seen{}, err
	}
	was, err := clusterBefore(ctx, e, u)
	if err != nil {
		return Seen{}, err
	}
	if d := clusterDiffers(was, have); d != "" {
		return Seen{Line: fmt.Sprintf("cluster %s is not as it was: %s", brief(r.Name), d)}, nil
	}
	return Seen{OK: true, Changed: !u.Nothing, Line: "cluster " + brief(r.Name) + " is as it was"}, nil
}

func (envoyKind) Drift(ctx context.Context, e *Env, u Undo) ([]string, error) {
	s, err := settings[deploy.Envoy](e)
	if err != nil {
		return nil, err
	}
	name, want, _, err := wantedCluster(ctx, e, s)
	if err != nil {
		return nil, err
	}
	have, err := currentCluster(ctx, e, s, name)
	switch {
	case err != nil:
		return nil, err
	case have == nil:
		return []string{"cluster " + brief(name) + " is gone from the control plane"}, nil
	}
	if d := jsonHolds(have, want, ""); d != "" {
		return []string{fmt.Sprintf("cluster %s: %s is not what this run has sent", brief(name), d)}, nil
	}
	return nil, nil
}
