package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"midwatch/checks"
	"midwatch/checks/catalog"
	"midwatch/ops/step"
)

// A cluster that sends to a port nobody has is found, mended over the control plane's own interface, as its
// Envoy's host reaches it, and found no more; taken back, it is found again.
func TestEnvoyIsMendedOverItsControlPlane(t *testing.T) {
	t.Parallel()
	const cluster, good, bad = "_ai_unified_server", 8002, 8004
	a, _, _ := newTestApp(t)
	a.demoWish = demoFlags{worlds: []string{"cortex"}, calm: true}
	t.Cleanup(func() {
		for _, c := range slices.Backward(a.closers) {
			_ = c.Close()
		}
	})
	d, err := a.demo()
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Client{Transport: &http.Transport{DialContext: d.fleet.Dial, DisableKeepAlives: true}, Timeout: time.Minute}
	plane := "http://192.168.68.90:8090"
	port := func() int {
		t.Helper()
		resp, err := web.Get(plane + "/clusters") //nolint:noctx // the client has a deadline
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		var list []clusterDoc
		if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			if c.Name == cluster {
				return c.LoadAssignment.Endpoints[0].LbEndpoints[0].Endpoint.Address.SocketAddress.PortValue
			}
		}
		t.Fatalf("no cluster %s among %+v", cluster, list)
		return 0
	}
	if p := port(); p != good {
		t.Fatalf("the demo sends to %d", p)
	}
	body := fmt.Appendf(nil, `{"name":%q,"loadAssignment":{"clusterName":%q,"endpoints":[{"lbEndpoints":[{"endpoint":{"address":{"socketAddress":{"address":"192.168.68.113","portValue":%d}}}}]}]}}`, cluster, cluster, bad)
	resp, err := web.Post(plane+"/add-cluster", "application/json", bytes.NewReader(body)) //nolint:noctx // the client has a deadline
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v %v", resp, err)
	}
	_ = resp.Body.Close()

	ctx := t.Context()
	inv, err := a.inventory()
	if err != nil {
		t.Fatal(err)
	}
	names, err := inv.Names()
	if err != nil {
		t.Fatal(err)
	}
	s, err := a.openSession(ctx, names)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	list, _ := catalog.Select(catalog.All(), "envoy-endpoint-port-mismatch")
	// find waits until the check finds the cluster, or not.
	find := func(want bool) *offer {
		t.Helper()
		snap, err := s.settleAll(ctx, time.Minute, names)
		if err == nil {
			snap, err = s.settleChecks(ctx, snap, names, list, time.Minute)
		}
		for deadline := time.Now().Add(2 * time.Minute); err == nil; snap, err = s.Fleet.Next(ctx, snap.Gen) {
			offers := mendable(checks.FromSnapshot(snap), list)
			i := slices.IndexFunc(offers, func(o offer) bool { return o.finding.Object == "cluster "+cluster })
			switch {
			case i >= 0 && want:
				return &offers[i]
			case i < 0 && !want && s.Fleet.Snapshot().Host("edge-90").Envoy.Known():
				return nil
			case time.Now().After(deadline):
				t.Fatalf("found: %v, wanted: %v", i >= 0, want)
			}
		}
		t.Fatal(err)
		return nil
	}
	o := find(true)
	if o.mend == nil {
		t.Fatalf("%s cannot be mended: %s", o.finding.Title, o.why)
	}
	def, err := mendDeploy(o.mend, s.Fleet.Snapshot().Host("edge-90").Host)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := s.conn("edge-90")
	if err != nil {
		t.Fatal(err)
	}
	first, kind := def.Steps[0], step.Kinds()["envoy"]
	e := &step.Env{
		Run: "r", Step: first.ID, Try: 1, Settings: first.Settings, Host: "edge-90", Conn: conn, Store: kept{}, Emit: func(step.Output) {}, Now: time.Now,
		Output: func(string, string) {}, HTTP: step.NewWeb(step.DialFunc(d.fleet.Dial), nil),
	}
	if first.Kind != "envoy" || first.On != "host" {
		t.Fatalf("the step is %+v", first)
	}
	change, err := kind.Plan(ctx, e)
	if err != nil || change.Nothing || change.Back != step.BackReversible || !strings.Contains(strings.Join(change.Lines, "\n"), "192.168.68.113:8004 → 192.168.68.113:8002") {
		t.Fatalf("the plan: %+v, %v", change, err)
	}
	undo, err := kind.Record(ctx, e)
	if err != nil || port() != bad {
		t.Fatalf("the record: %v; port %d", err, port())
	}
	if err := kind.Act(ctx, e, undo); err != nil || port() != good {
		t.Fatalf("acted: %v; port %d", err, port())
	}
	if seen, err := kind.Verify(ctx, e, undo); err != nil || !seen.Changed {
		t.Fatalf("verified: %+v, %v", seen, err)
	}
	find(false)
	if err := kind.Undo(ctx, e, undo); err != nil || port() != bad {
		t.Fatalf("taken back: %v; port %d", err, port())
	}
	if seen, err := kind.Undone(ctx, e, undo); err != nil {
		t.Fatalf("taken back: %+v, %v", seen, err)
	}
	find(true)
}

// clusterDoc is a cluster as control planes write it, in the JSON of Envoy's v3 API.
type clusterDoc struct {
	Name           string
	LoadAssignment struct {
		Endpoints []struct {
			LbEndpoints []struct {
				Endpoint struct {
					Address struct{ SocketAddress struct{ PortValue int } }
				}
			}
		}
	}
}

// kept is a step's store in memory.
type kept map[string][]byte

func (kept) Dir() string { return "/nowhere" }

func (k kept) Put(_ context.Context, name string, r io.Reader) (err error) {
	k[name], err = io.ReadAll(r)
	return err
}

func (k kept) Get(_ context.Context, name string) ([]byte, error) {
	b, ok := k[name]
	if !ok {
		return nil, os.ErrNotExist
	}
	return b, nil
}
