package main

import (
	"context"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// The demo is reached through its SSH server and the API of its engines, and each segment is on its way for
// a quarter of a second and up to a fifth more: everything there is to be read of a host comes within three
// round trips, engines, proxies in containers, admin interfaces and probes included. The clock of the test
// stands still while the program computes, so what is measured is the way alone.
func TestRefreshOfEverythingCostsThreeRoundTrips(t *testing.T) {
	const trip = 2 * 300 * time.Millisecond
	// The facts of engines are seen when they are shown, which is a frame later.
	const limit = 3*trip + 100*time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		a := newApp(os.Stdin, os.Stdout, os.Stderr, func(string) string { return "" })
		a.demoWish = demoFlags{worlds: []string{"cortex"}, latency: 250 * time.Millisecond, calm: true, window: 1 << 30}
		defer func() {
			for _, c := range slices.Backward(a.closers) {
				_ = c.Close()
			}
		}()
		inv, err := a.inventory()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w, err := a.open(ctx, inv, opening{watch: true})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = w.Close() }()
		names, err := inv.Names()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.settleAll(ctx, time.Minute, names); err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			// What is under way when a refresh is asked for is let end first, and that is no part of it: of
			// several tries each fact counts with its best.
			best := map[string]time.Duration{}
			for try := range 4 {
				<-time.After(time.Duration(7+try) * 1010 * time.Millisecond)
				for what, took := range refreshed(t, w, name) {
					if b, ok := best[what]; !ok || took < b {
						best[what] = took
					}
				}
			}
			for what, took := range best {
				if took > limit {
					t.Errorf("%s: %s took %v, more than three round trips of %v", name, what, took, trip)
				}
			}
			if _, ok := best["sockets"]; !ok || len(best) < 12 {
				t.Errorf("%s: only %v were read", name, best)
			}
			t.Logf("%s: %v", name, best)
		}
	})
}

// refreshed asks for everything of a host and tells how long each collector took to have it.
func refreshed(t *testing.T, w *world, name string) map[string]time.Duration {
	t.Helper()
	began := time.Now()
	w.Fleet.Refresh(name)
	took := map[string]time.Duration{}
	snap := w.Fleet.Snapshot()
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		h := snap.Host(name)
		for what, tried := range map[string]time.Time{"containers": h.Containers.Tried, "images": h.Images.Tried, "engine": h.Engine.Tried} {
			if _, ok := took[what]; !ok && h.Engine.Known() && !tried.Before(began) {
				took[what] = time.Since(began)
			}
		}
		if next, err := w.Fleet.Next(ctx, snap.Gen); err == nil {
			snap = next
		}
	}
	for _, e := range w.live.Evidence() {
		if end := e.At.Add(e.Took); e.Host == name && !e.At.Before(began) && e.Error == "" {
			took[e.Collector] = max(took[e.Collector], end.Sub(began))
		}
	}
	return took
}
