package main

import (
	"context"
	"fmt"
	"sync"

	"midwatch/checks/live"
	"midwatch/hosts"
	"midwatch/hosts/endpoint"
)

// Probe asks every station on the way of a URL what a diagnosis wants to know, with requests that only
// read. The answers are facts for the checks. The error is for a URL that cannot be asked.
func (t *tracer) Probe(ctx context.Context, s *hosts.Snapshot, diagnosis, url string) ([]hosts.Asked, error) {
	if why := t.NoLive(); why != "" {
		return nil, wrong("live probes: %s", why)
	}
	probes, err := live.Probes(diagnosis, url)
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	var out []hosts.Asked
	for _, p := range probes {
		way, err := t.Trace(ctx, s, p.Question)
		if err != nil {
			return nil, &exitError{exitUsage, err}
		}
		stations := p.Stations(way)
		if len(stations) == 0 {
			return nil, &exitError{exitIncomplete, fmt.Errorf("nothing on the way of %s can be asked: %s", url, way.Verdict)}
		}
		answers := make([]hosts.Asked, len(stations))
		var wg sync.WaitGroup
		for i := range stations {
			wg.Go(func() { answers[i] = t.station(ctx, &stations[i], p.Diagnosis) })
		}
		wg.Wait()
		out = append(out, answers...)
	}
	return out, context.Cause(ctx)
}

// station asks one station, by its other addresses where the nearest cannot be dialled.
func (t *tracer) station(ctx context.Context, s *live.Station, diagnosis string) hosts.Asked {
	a := s.Asked
	a.At = t.now()
	a.Err = "no host to ask it from"
	for _, ask := range s.Ask {
		n := t.w.nodes[ask.From]
		if n == nil {
			continue
		}
		x := endpoint.Exchange{
			Network: ask.Network, Address: ask.Address, TLS: ask.TLS, SNI: ask.SNI, Host: ask.Host,
			Method: ask.Method, URI: ask.URI, Header: ask.Headers, Timeout: askWait,
		}
		r := x.Do(ctx, n.link.Dial, t.now)
		a.From, a.Command = ask.From, live.Curl(ask, diagnosis == live.SSEBuffering)
		a.Took, a.First, a.Status, a.Err = r.Took, r.First, r.Status, r.Err
		a.Location, a.Server, a.ContentType, a.Flags, a.Upstream, a.Body = r.Location, r.Server, r.ContentType, r.Flags, r.Upstream, r.Body
		if r.Err == "" || ctx.Err() != nil {
			break
		}
	}
	return a
}
