package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/versions"
	"golang.org/x/sync/errgroup"

	"midwatch/hosts"
)

// sample is the part of an answer that the next one is compared with.
type sample struct {
	cpu container.CPUStats
	at  time.Time // the engine's clock
}

// firstPause is the time between the two samples that a container seen for the first time needs;
// the engine and docker stats take one a second as well.
const firstPause = time.Second

// Stats samples the given running containers (GET /containers/ID/stats?one-shot=1). CPU is the use
// since the previous sample, computed as docker stats does; containers without a previous sample
// are sampled twice, a second apart. Containers that are gone or stopped are left out. The error is
// that of the engine as a whole.
func (c *Client) Stats(ctx context.Context, ids []string) (map[string]hosts.Stats, error) {
	docs, err := c.statsDocs(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make(map[string]hosts.Stats, len(docs))
	for id, s := range docs {
		out[id] = statsOf(s)
	}
	return out, nil
}

// statsDocs returns one answer for each container with its previous sample filled in.
func (c *Client) statsDocs(ctx context.Context, ids []string) (map[string]*container.StatsResponse, error) {
	var fresh []string
	c.mu.Lock()
	for _, id := range ids {
		if _, ok := c.samples[id]; !ok {
			fresh = append(fresh, id)
		}
	}
	c.mu.Unlock()
	if len(fresh) > 0 {
		if _, err := c.sampleAll(ctx, fresh); err != nil {
			return nil, err
		}
		t := time.NewTimer(firstPause)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return c.sampleAll(ctx, ids)
}

func (c *Client) sampleAll(ctx context.Context, ids []string) (map[string]*container.StatsResponse, error) {
	_, v, err := c.engine(ctx)
	if err != nil {
		return nil, err
	}
	q := url.Values{"stream": {"0"}}
	if versions.GreaterThanOrEqualTo(v, "1.41") {
		q.Set("one-shot", "1") // older engines take two samples themselves, which lasts two seconds
	}
	var mu sync.Mutex
	out := make(map[string]*container.StatsResponse, len(ids))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(c.p.MaxConns)
	for _, id := range ids {
		g.Go(func() error {
			s, err := c.sampleOne(gctx, id, q)
			if err != nil {
				if isTimeout(err) || gctx.Err() != nil {
					return err
				}
				return nil // gone, or stopped between the list and now
			}
			if s != nil {
				mu.Lock()
				defer mu.Unlock()
				out[id] = s
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return out, nil
}

// sampleOne fetches one answer and completes it with the previous sample; nil for a container that
// does not run.
func (c *Client) sampleOne(ctx context.Context, id string, q url.Values) (*container.StatsResponse, error) {
	if err := c.checkID("stats", id); err != nil {
		return nil, err
	}
	doc, err := c.fetch(ctx, "stats "+id, "/containers/"+id+"/stats", q)
	if err != nil {
		return nil, err
	}
	var s container.StatsResponse
	if err := json.Unmarshal(doc, &s); err != nil {
		return nil, fmt.Errorf("parse stats: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.CPUStats.SystemUsage == 0 && s.MemoryStats.Usage == 0 {
		delete(c.samples, id) // a stopped container answers with zeros
		return nil, nil
	}
	now := sample{s.CPUStats, s.Read}
	if prev, ok := c.samples[id]; ok && s.PreCPUStats.SystemUsage == 0 {
		s.PreCPUStats, s.PreRead = prev.cpu, prev.at
	}
	c.samples[id] = now
	return &s, nil
}

// statsOf computes what docker stats prints from an answer and the sample before it.
func statsOf(s *container.StatsResponse) hosts.Stats {
	out := hosts.Stats{
		At:          s.Read,
		CPU:         cpuPercent(s.PreCPUStats, s.CPUStats),
		Mem:         memUsed(s.MemoryStats),
		Limit:       s.MemoryStats.Limit,
		PIDs:        s.PidsStats.Current,
		ThrottledNS: s.CPUStats.ThrottlingData.ThrottledTime,
	}
	for _, n := range s.Networks {
		out.RxBytes += n.RxBytes
		out.TxBytes += n.TxBytes
	}
	for _, b := range s.BlkioStats.IoServiceBytesRecursive {
		switch {
		case strings.EqualFold(b.Op, "read"):
			out.BlkRead += b.Value
		case strings.EqualFold(b.Op, "write"):
			out.BlkWrite += b.Value
		}
	}
	return out
}

// cpuPercent is the share of one core: the container's time over the machine's, times the number
// of processors. Counters that went back (a restart) give 0.
func cpuPercent(prev, cur container.CPUStats) float64 {
	if prev.SystemUsage == 0 || cur.SystemUsage <= prev.SystemUsage || cur.CPUUsage.TotalUsage <= prev.CPUUsage.TotalUsage {
		return 0
	}
	cpus := float64(cur.OnlineCPUs)
	if cpus == 0 {
		cpus = float64(len(cur.CPUUsage.PercpuUsage))
	}
	used := float64(cur.CPUUsage.TotalUsage - prev.CPUUsage.TotalUsage)
	return used / float64(cur.SystemUsage-prev.SystemUsage) * cpus * 100
}

// memUsed leaves out the page cache that can be dropped: total_inactive_file with cgroup v1,
// inactive_file with v2.
func memUsed(m container.MemoryStats) uint64 {
	for _, key := range [...]string{"total_inactive_file", "inactive_file"} {
		if v, ok := m.Stats[key]; ok && v < m.Usage {
			return m.Usage - v
		}
	}
	return m.Usage
}
