package engine

import (
	"io"
	"net/http"

	"midwatch/hosts/demo/sim"
)

func (s *Server) ping(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache, no-store, must-revalidate")
	w.Header().Set("Builder-Version", "2")
	s.h.Site.Lock()
	state := "inactive"
	if sw := s.h.Swarm; sw != nil {
		state = "active/manager"
		if sw.Worker {
			state = "active/worker"
		}
	}
	s.h.Site.Unlock()
	w.Header().Set("Swarm", state)
	if r.Method == http.MethodGet {
		_, _ = io.WriteString(w, "OK")
	}
	return nil
}

func (s *Server) version(_ *http.Request) (any, error) {
	return Version(s.h), nil
}

// Version is the document of GET /version; the site is locked.
func Version(h *sim.Host) map[string]any {
	s := &Server{h: h}
	newest, oldest := s.api()
	e := h.Spec.Engine
	return map[string]any{
		"Platform": map[string]any{"Name": "Docker Engine - Community"},
		"Components": []any{
			map[string]any{"Name": "Engine", "Version": e.Version, "Details": map[string]any{
				"ApiVersion": newest, "MinAPIVersion": oldest, "Arch": GoArch(h.Spec.Arch), "Os": "linux",
				"KernelVersion": h.Spec.Kernel, "GitCommit": "41ca978", "GoVersion": "go1.22.7", "Experimental": "false",
				"BuildTime": "2024-09-20T11:41:00.000000000+00:00",
			}},
			map[string]any{"Name": "containerd", "Version": "1.7.22", "Details": map[string]any{"GitCommit": "7f7fdf5fed64eb6a7caf99b3e12efcf9d60e311c"}},
			map[string]any{"Name": "runc", "Version": "1.1.14", "Details": map[string]any{"GitCommit": "v1.1.14-0-g2c9f560"}},
		},
		"Version": e.Version, "ApiVersion": newest, "MinAPIVersion": oldest, "GitCommit": "41ca978",
		"GoVersion": "go1.22.7", "Os": "linux", "Arch": GoArch(h.Spec.Arch), "KernelVersion": h.Spec.Kernel,
		"BuildTime": "2024-09-20T11:41:00.000000000+00:00",
	}
}

// GoArch is Go's name of a machine that uname calls arch.
func GoArch(arch string) string {
	switch arch {
	case "aarch64", "arm64":
		return "arm64"
	case "x86_64":
		return "amd64"
	default:
		return arch
	}
}

func (s *Server) info(_ *http.Request) (any, error) {
	return Info(s.h), nil
}

// Info is the document of GET /info; the site is locked.
func Info(h *sim.Host) map[string]any {
	e := h.Spec.Engine
	run, pause, stop := 0, 0, 0
	for _, c := range h.Containers {
		switch c.State {
		case "running", "restarting":
			run++
		case "paused":
			pause++
		default:
			stop++
		}
	}
	root, driver := e.RootDir, e.LogDriver
	if root == "" {
		root = "/var/lib/docker"
	}
	if driver == "" {
		driver = "json-file"
	}
	swarm := map[string]any{
		"NodeID": "", "NodeAddr": "", "LocalNodeState": "inactive", "ControlAvailable": false, "Error": "", "RemoteManagers": nil,
	}
	if sw := h.Swarm; sw != nil && sw.Worker {
		swarm["NodeID"], swarm["NodeAddr"], swarm["LocalNodeState"] = sw.NodeID, h.Spec.Addr, "active"
		list := []any{}
		for _, n := range sw.Nodes {
			list = append(list, map[string]any{"NodeID": n.ID, "Addr": n.Addr + ":2377"})
		}
		swarm["RemoteManagers"] = list
	} else if sw != nil {
		swarm = map[string]any{
			"NodeID": sw.NodeID, "NodeAddr": h.Spec.Addr, "LocalNodeState": "active", "ControlAvailable": true, "Error": "",
			"RemoteManagers": []any{map[string]any{"NodeID": sw.NodeID, "Addr": h.Spec.Addr + ":2377"}},
			"Nodes":          len(sw.Nodes), "Managers": 1,
			"Cluster": map[string]any{"ID": sw.ID, "CreatedAt": stamp(sw.Created)},
		}
	}
	return map[string]any{
		"ID": sim.DashID(h.Site.Hex("engine "+h.Spec.Name, 32)), "Containers": len(h.Containers),
		"ContainersRunning": run, "ContainersPaused": pause, "ContainersStopped": stop, "Images": len(h.Images),
		"Driver": "overlay2", "DriverStatus": [][]string{{"Backing Filesystem", "extfs"}, {"Supports d_type", "true"}},
		"Plugins": map[string]any{
			"Volume": []string{"local"}, "Network": []string{"bridge", "host", "ipvlan", "macvlan", "null", "overlay"},
			"Authorization": nil, "Log": []string{"awslogs", "fluentd", "gcplogs", "gelf", "journald", "json-file", "local", "splunk", "syslog"},
		},
		"MemoryLimit": true, "SwapLimit": true, "CpuCfsPeriod": true, "CpuCfsQuota": true, "CPUShares": true, "CPUSet": true,
		"PidsLimit": true, "IPv4Forwarding": true, "BridgeNfIptables": true, "BridgeNfIp6tables": true, "Debug": false,
		"NFd": 42, "OomKillDisable": false, "NGoroutines": 61, "SystemTime": stamp(h.Clock()),
		"LoggingDriver": driver, "CgroupDriver": "systemd", "CgroupVersion": "2", "NEventsListener": 1,
		"KernelVersion": h.Spec.Kernel, "OperatingSystem": h.Spec.OS.Pretty, "OSVersion": h.Spec.OS.Version, "OSType": "linux",
		"Architecture": h.Spec.Arch, "NCPU": h.Spec.CPUs, "MemTotal": h.Spec.Mem, "DockerRootDir": root,
		"HttpProxy": "", "HttpsProxy": "", "NoProxy": "", "Name": h.Spec.Name, "Labels": []string{}, "ExperimentalBuild": false,
		"ServerVersion": e.Version, "Runtimes": map[string]any{"runc": map[string]any{"path": "runc"}}, "DefaultRuntime": "runc",
		"Swarm": swarm, "LiveRestoreEnabled": e.LiveRest, "Isolation": "", "InitBinary": "docker-init",
		"SecurityOptions": []string{"name=apparmor", "name=seccomp,profile=builtin", "name=cgroupns"},
		"Warnings":        nil, "IndexServerAddress": "",
	}
}

func (s *Server) none(_ *http.Request) (any, error) {
	if s.h.Swarm == nil || s.h.Swarm.Worker {
		return nil, notManager()
	}
	return []any{}, nil
}

func (s *Server) diskUsage(_ *http.Request) (any, error) {
	var layers uint64
	images := []any{}
	for _, im := range s.h.Images {
		layers += im.Size
		images = append(images, imageSummary(s.h, im))
	}
	boxes := []any{}
	for _, c := range s.h.Newest() {
		m := Summary(c)
		m["SizeRw"], m["SizeRootFs"] = 4096*len(c.Spec.Name), c.Image.Size
		boxes = append(boxes, m)
	}
	vols := []any{}
	for _, v := range s.h.Volumes {
		m := volumeDoc(s.h, v)
		m["UsageData"] = map[string]any{"Size": v.Size, "RefCount": users(s.h, v.Name)}
		vols = append(vols, m)
	}
	return map[string]any{
		"LayersSize": layers, "Images": images, "Containers": boxes, "Volumes": vols, "BuildCache": []any{},
	}, nil
}
