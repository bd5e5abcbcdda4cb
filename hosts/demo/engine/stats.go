package engine

import (
	"archive/tar"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts/demo/sim"
	"midwatch/hosts/demo/vfs"
)

func (s *Server) stats(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	stream := q.Get("stream") == "" || truth(q.Get("stream"))
	once := truth(q.Get("one-shot"))
	if stream && once {
		return fail(http.StatusBadRequest, "cannot have stream=true and one-shot=true")
	}
	s.h.Site.Lock()
	c, err := s.container(r)
	if err != nil {
		s.h.Site.Unlock()
		return err
	}
	doc := Stats(c, !once)
	s.h.Site.Unlock()
	if !stream {
		writeJSON(w, http.StatusOK, doc)
		return nil
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	rc := http.NewResponseController(w)
	enc := json.NewEncoder(w)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if enc.Encode(doc) != nil || rc.Flush() != nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return nil
		}
		s.h.Site.Lock()
		gone := s.h.Container(c.ID) == nil
		doc = Stats(c, true)
		s.h.Site.Unlock()
		if gone {
			return nil
		}
	}
}

// Stats is a sample as GET /containers/{id}/stats sends it, with the one a second before when both
// are asked for; the site is locked.
func Stats(c *sim.Container, both bool) map[string]any {
	if !c.Running() && c.State != "paused" {
		return map[string]any{
			"name": "/" + c.Spec.Name, "id": c.ID, "read": stamp(time.Time{}), "preread": stamp(time.Time{}),
			"pids_stats": map[string]any{}, "num_procs": 0, "storage_stats": map[string]any{},
			"cpu_stats":    map[string]any{"cpu_usage": map[string]any{"total_usage": 0, "usage_in_kernelmode": 0, "usage_in_usermode": 0}},
			"precpu_stats": map[string]any{"cpu_usage": map[string]any{"total_usage": 0, "usage_in_kernelmode": 0, "usage_in_usermode": 0}},
			"memory_stats": map[string]any{},
			"blkio_stats":  blkio(0, 0),
			"networks":     map[string]any{},
		}
	}
	h := c.Host
	now := h.Site.Now()
	before := now.Add(-time.Second)
	pre, preAt := map[string]any{"cpu_usage": map[string]any{"total_usage": 0, "usage_in_kernelmode": 0, "usage_in_usermode": 0}}, time.Time{}
	if both && before.After(c.Started) {
		pre, preAt = cpuStats(c, before), h.Local(before)
	}
	rx, tx := c.NetBytes(now)
	limit := c.Spec.MemLimit
	if limit == 0 {
		limit = h.Spec.Mem
	}
	mem := c.Memory()
	cache := mem / 6
	procs := max(1, len(c.Spec.Procs))
	nets := map[string]any{}
	if c.NetMode() != "host" {
		nets["eth0"] = map[string]any{
			"rx_bytes": rx, "rx_packets": rx / 420, "rx_errors": 0, "rx_dropped": 0,
			"tx_bytes": tx, "tx_packets": tx / 610, "tx_errors": 0, "tx_dropped": 0,
		}
	}
	return map[string]any{
		"name": "/" + c.Spec.Name, "id": c.ID, "read": stamp(h.Local(now)), "preread": stamp(preAt),
		"pids_stats": map[string]any{"current": procs*4 + 1, "limit": 9442}, "num_procs": 0, "storage_stats": map[string]any{},
		"blkio_stats": blkio(rx/9, tx/7), "cpu_stats": cpuStats(c, now), "precpu_stats": pre,
		"memory_stats": map[string]any{"usage": mem + cache, "limit": limit, "stats": map[string]any{
			"active_anon": mem / 2, "inactive_anon": mem - mem/2, "anon": mem, "file": cache, "active_file": 0,
			"inactive_file": cache, "pgfault": now.Sub(c.Started).Milliseconds() / 7, "pgmajfault": 3, "slab": 1 << 20,
		}},
		"networks": nets,
	}
}

func cpuStats(c *sim.Container, at time.Time) map[string]any {
	total := c.CPUNanos(at)
	system := uint64(max(0, at.Sub(c.Host.Boot).Nanoseconds())) * uint64(c.Host.Spec.CPUs) //nolint:gosec // not negative
	return map[string]any{
		"cpu_usage":        map[string]any{"total_usage": total, "usage_in_kernelmode": total / 4, "usage_in_usermode": total - total/4},
		"system_cpu_usage": system, "online_cpus": c.Host.Spec.CPUs,
		"throttling_data": map[string]any{"periods": 0, "throttled_periods": 0, "throttled_time": 0},
	}
}

func blkio(read, write uint64) map[string]any {
	return map[string]any{
		"io_service_bytes_recursive": []any{
			map[string]any{"major": 8, "minor": 0, "op": "read", "value": read},
			map[string]any{"major": 8, "minor": 0, "op": "write", "value": write},
		},
		"io_serviced_recursive": nil, "io_queue_recursive": nil, "io_service_time_recursive": nil,
		"io_wait_time_recursive": nil, "io_merged_recursive": nil, "io_time_recursive": nil, "sectors_recursive": nil,
	}
}

// Processes lists what runs in a container: PID, command line.
func Processes(c *sim.Container) [][2]string {
	list := c.Spec.Procs
	if len(list) == 0 {
		list = [][]string{c.Args()}
	}
	var out [][2]string
	for i, argv := range list {
		out = append(out, [2]string{strconv.Itoa(c.PID + i*3), strings.Join(argv, " ")})
	}
	return out
}

func (s *Server) top(r *http.Request) (any, error) {
	c, err := s.container(r)
	if err != nil {
		return nil, err
	}
	if !c.Running() {
		return nil, fail(http.StatusConflict, "container %s is not running", c.ID)
	}
	user := c.Spec.User
	if user == "" {
		user = "root"
	}
	start := c.Host.Local(c.Started)
	rows := [][]string{}
	for i, p := range Processes(c) {
		parent := strconv.Itoa(c.PID - 1)
		if i > 0 {
			parent = strconv.Itoa(c.PID)
		}
		used := time.Duration(c.CPUNanos(s.h.Site.Now()) / uint64(i+1)) //nolint:gosec // CPU time
		rows = append(rows, []string{user, p[0], parent, strconv.Itoa(int(c.CPU()) / (i + 1)), start.UTC().Format("15:04"), "?", clock(used), p[1]})
	}
	return map[string]any{
		"Titles": []string{"UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"}, "Processes": rows,
	}, nil
}

func clock(d time.Duration) string {
	n := int(d.Seconds())
	return fmt.Sprintf("%02d:%02d:%02d", n/3600, n/60%60, n%60)
}

// archive sends a file or directory of the container as a tar stream, as docker cp reads it.
func (s *Server) archive(w http.ResponseWriter, r *http.Request) error {
	name := r.URL.Query().Get("path")
	if name == "" {
		return fail(http.StatusBadRequest, "bad parameter: path is required")
	}
	s.h.Site.Lock()
	c, err := s.container(r)
	s.h.Site.Unlock()
	if err != nil {
		return err
	}
	root := vfs.Cred{User: "root"}
	st, err := c.FS.Stat(root, name, true)
	if err != nil {
		return fail(http.StatusNotFound, "Could not find the file %s in container %s", name, r.PathValue("id"))
	}
	info, err := json.Marshal(map[string]any{
		"name": st.Name(), "size": st.Size(), "mode": st.Mode(), "mtime": stamp(st.ModTime()), "linkTarget": "",
	})
	if err != nil {
		return err
	}
	w.Header().Set("X-Docker-Container-Path-Stat", base64.StdEncoding.EncodeToString(info))
	w.Header().Set("Content-Type", "application/x-tar")
	tw := tar.NewWriter(w)
	defer tw.Close()
	return pack(tw, c.FS, name, path.Base(path.Clean("/"+name)))
}

func pack(tw *tar.Writer, f *vfs.FS, name, as string) error {
	root := vfs.Cred{User: "root"}
	st, err := f.Stat(root, name, true)
	if err != nil {
		return nil //nolint:nilerr // gone in between; the stream has begun
	}
	if !st.IsDir() {
		data, err := f.ReadFile(root, name)
		if err != nil {
			return nil //nolint:nilerr // sockets and the like are left out
		}
		hd := &tar.Header{Name: as, Mode: int64(st.Mode().Perm()), Size: int64(len(data)), ModTime: st.ModTime(), Typeflag: tar.TypeReg}
		if err := tw.WriteHeader(hd); err != nil {
			return nil //nolint:nilerr // the client went away
		}
		_, _ = tw.Write(data)
		return nil
	}
	if err := tw.WriteHeader(&tar.Header{Name: as + "/", Mode: int64(st.Mode().Perm()), ModTime: st.ModTime(), Typeflag: tar.TypeDir}); err != nil {
		return nil //nolint:nilerr // the client went away
	}
	list, _ := f.ReadDir(root, name)
	for _, e := range list {
		if err := pack(tw, f, path.Join(name, e.Name()), path.Join(as, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
