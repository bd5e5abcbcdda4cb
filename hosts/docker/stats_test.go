package docker

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"midwatch/hosts"
)

func cpu(total, system uint64, online uint32, percpu int) container.CPUStats {
	return container.CPUStats{CPUUsage: container.CPUUsage{TotalUsage: total, PercpuUsage: make([]uint64, percpu)}, SystemUsage: system, OnlineCPUs: online}
}

func TestCPUPercent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prev, cur container.CPUStats
		want      float64
	}{
		"half of one of four":      {cpu(100, 1000, 4, 0), cpu(150, 1400, 4, 0), 50},
		"two of four":              {cpu(0, 1000, 4, 0), cpu(200, 1400, 4, 0), 200},
		"processors from the list": {cpu(100, 1000, 0, 2), cpu(200, 1400, 0, 2), 50},
		"no sample before":         {cpu(0, 0, 4, 0), cpu(100, 1000, 4, 0), 0},
		"restarted, counter back":  {cpu(900, 1000, 4, 0), cpu(10, 1400, 4, 0), 0},
		"the machine's clock back": {cpu(100, 1000, 4, 0), cpu(200, 900, 4, 0), 0},
		"nothing known":            {container.CPUStats{}, container.CPUStats{}, 0},
		"idle":                     {cpu(100, 1000, 4, 0), cpu(100, 1400, 4, 0), 0},
		"no number of processors":  {cpu(100, 1000, 0, 0), cpu(200, 1400, 0, 0), 0},
	} {
		if got := cpuPercent(c.prev, c.cur); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestMemUsed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		m    container.MemoryStats
		want uint64
	}{
		"cgroup v1":             {container.MemoryStats{Usage: 100, Stats: map[string]uint64{"total_inactive_file": 30, "inactive_file": 10}}, 70},
		"cgroup v2":             {container.MemoryStats{Usage: 100, Stats: map[string]uint64{"inactive_file": 10}}, 90},
		"more cache than usage": {container.MemoryStats{Usage: 100, Stats: map[string]uint64{"inactive_file": 101}}, 100},
		"none":                  {container.MemoryStats{Usage: 100}, 100},
	} {
		if got := memUsed(c.m); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func statsDoc(total, system uint64, second int) string {
	return fmt.Sprintf(`{"read":"2026-11-29T12:00:%02dZ","cpu_stats":{"cpu_usage":{"total_usage":%d},"system_cpu_usage":%d,"online_cpus":2},
		"memory_stats":{"usage":1000,"limit":4000,"stats":{"inactive_file":100}},"pids_stats":{"current":3},
		"networks":{"eth0":{"rx_bytes":1,"tx_bytes":2},"eth1":{"rx_bytes":10,"tx_bytes":20}},
		"blkio_stats":{"io_service_bytes_recursive":[{"op":"Read","value":5},{"op":"write","value":7},{"op":"Total","value":12}]}}`, second, total, system)
}

// TestStatsSampleTwiceOnceOnly: the first call takes two samples; later ones compare with the last.
func TestStatsSampleTwiceOnceOnly(t *testing.T) {
	t.Parallel()
	e := newEngine(t, "1.41")
	var n atomic.Int64
	e.on("/containers/a/stats", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("one-shot") != "1" || r.URL.Query().Get("stream") != "0" {
			t.Errorf("asked with %q", r.URL.RawQuery)
		}
		i := uint64(n.Add(1))
		fmt.Fprint(w, statsDoc(1000+100*i*i, 10000+1000*i, int(i)))
	})
	e.says("/containers/stopped/stats", `{"read":"0001-01-01T00:00:00Z","cpu_stats":{},"memory_stats":{}}`)
	c := e.client(t)
	ids := []string{"a", "stopped", "gone"}
	got, err := c.Stats(t.Context(), ids)
	if err != nil || len(got) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	// From 1100 to 1400 of 1000 on two processors.
	want := hosts.Stats{
		At: time.Date(2026, 11, 29, 12, 0, 2, 0, time.UTC), CPU: 60, Mem: 900, Limit: 4000,
		RxBytes: 11, TxBytes: 22, BlkRead: 5, BlkWrite: 7, PIDs: 3,
	}
	if got["a"] != want {
		t.Errorf("got %+v\nwant %+v", got["a"], want)
	}
	got, err = c.Stats(t.Context(), ids[:1])
	if err != nil || n.Load() != 3 || math.Abs(got["a"].CPU-100) > 1e-9 { // from 1400 to 1900
		t.Errorf("second call: %+v after %d answers, %v", got["a"], n.Load(), err)
	}
}

func TestStatsOfOlderEngines(t *testing.T) {
	t.Parallel()
	e := newEngine(t, "1.40")
	e.on("/containers/a/stats", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("one-shot") {
			t.Error("asked an engine before 1.41 for one-shot")
		}
		doc := statsDoc(1500, 11000, 2)
		fmt.Fprint(w, strings.Replace(doc, `"cpu_stats"`, `"precpu_stats":{"cpu_usage":{"total_usage":1000},"system_cpu_usage":10000},"cpu_stats"`, 1))
	})
	got, err := e.client(t).Stats(t.Context(), []string{"a"})
	if err != nil || math.Abs(got["a"].CPU-100) > 1e-9 {
		t.Errorf("%+v, %v", got, err)
	}
}
