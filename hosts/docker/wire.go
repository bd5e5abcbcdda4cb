package docker

// The parts of the Engine API's answers that are read. They are our own, narrower than the
// library's, because an answer that is odd in a field nobody reads must still be understood, and
// because every pointer the library's types may leave nil would have to be guarded.

type wirePort struct {
	IP          string
	PrivatePort int
	PublicPort  int
	Type        string
}

type wireMount struct {
	Type, Name, Source, Destination, Driver string
	RW                                      bool
}

type wireEndpoint struct {
	IPAddress         string
	GlobalIPv6Address string
	Gateway           string
	Aliases           []string
}

type wireNetworks struct {
	Networks map[string]*wireEndpoint
	Ports    map[string][]wireBinding
}

type wireBinding struct {
	HostIP   string `json:"HostIp"`
	HostPort string
}

// wireContainer is an element of GET /containers/json.
type wireContainer struct {
	ID              string `json:"Id"`
	Names           []string
	Image           string
	ImageID         string
	Command         string
	Created         int64
	Ports           []wirePort
	Labels          map[string]string
	State           string
	Status          string
	HostConfig      struct{ NetworkMode string }
	NetworkSettings *wireNetworks
	Mounts          []wireMount
}

type wireHealth struct {
	Status string
	Log    []struct {
		Start, End string
		ExitCode   int
		Output     string
	}
}

// wireInspect is GET /containers/ID/json.
type wireInspect struct {
	ID           string `json:"Id"`
	Name         string
	Created      string
	Path         string
	Args         []string
	Image        string
	RestartCount int
	State        struct {
		Status     string
		OOMKilled  bool
		Pid        int
		ExitCode   int
		Error      string
		StartedAt  string
		FinishedAt string
		Health     *wireHealth
	}
	HostConfig struct {
		NetworkMode   string
		Memory        int64
		NanoCpus      int64 `json:"NanoCpus"`
		CPUQuota      int64 `json:"CpuQuota"`
		CPUPeriod     int64 `json:"CpuPeriod"`
		RestartPolicy struct{ Name string }
		LogConfig     struct{ Type string }
		PortBindings  map[string][]wireBinding
	}
	Config struct {
		Image       string
		User        string
		Env         []string
		Tty         bool
		Labels      map[string]string
		Healthcheck *struct{ Test []string }
	}
	Mounts          []wireMount
	NetworkSettings wireNetworks
}

type wireVersion struct {
	Version       string
	APIVersion    string `json:"ApiVersion"`
	Os, Arch      string
	KernelVersion string
}

type wireInfo struct {
	Containers         int
	ContainersRunning  int
	ContainersPaused   int
	ContainersStopped  int
	Images             int
	Driver             string
	CgroupDriver       string
	DockerRootDir      string
	NCPU               int
	MemTotal           int64
	LiveRestoreEnabled bool
	LoggingDriver      string
	KernelVersion      string
	OperatingSystem    string
	Architecture       string
	Warnings           []string
	Swarm              struct{ LocalNodeState string }
}

type wireImage struct {
	ID          string `json:"Id"`
	RepoTags    []string
	RepoDigests []string
	Created     int64
	Size        int64
	Labels      map[string]string
}

type wireVolume struct {
	Name, Driver, Mountpoint string
	Options, Labels          map[string]string
}

type wireNetwork struct {
	ID       string `json:"Id"`
	Name     string
	Driver   string
	Scope    string
	Internal bool
	IPAM     struct {
		Config []struct{ Subnet string }
	}
	Labels map[string]string
}

type wireNode struct {
	ID   string
	Spec struct {
		Role, Availability string
		Labels             map[string]string
	}
	Description struct {
		Hostname string
		Engine   struct{ EngineVersion string }
	}
	Status        struct{ State, Addr string }
	ManagerStatus *struct {
		Leader       bool
		Reachability string
	}
}

type wireServicePort struct {
	Protocol                  string
	TargetPort, PublishedPort int
	PublishMode               string
}

type wireService struct {
	ID        string
	Version   struct{ Index uint64 }
	UpdatedAt string
	Spec      struct {
		Name   string
		Labels map[string]string
		Mode   struct {
			Replicated    *struct{ Replicas *uint64 }
			Global        *struct{}
			ReplicatedJob *struct{ TotalCompletions *uint64 }
			GlobalJob     *struct{}
		}
		TaskTemplate struct {
			ContainerSpec struct {
				Image         string
				Command, Args []string
				Env           []string
				Mounts        []struct {
					Type, Source, Target string
					ReadOnly             bool
					VolumeOptions        *struct{ DriverConfig *struct{ Name string } }
				}
				Healthcheck *struct{ Test []string }
			}
			Placement     *struct{ Constraints []string }
			Networks      []struct{ Target string }
			RestartPolicy *struct {
				Condition   string
				MaxAttempts *uint64
			}
		}
		UpdateConfig *struct{ Order, FailureAction string }
		Networks     []struct{ Target string } // before API 1.25
	}
	Endpoint struct {
		Spec       struct{ Mode string }
		Ports      []wireServicePort
		VirtualIPs []struct{ Addr string }
	}
	UpdateStatus *struct {
		State, Message, StartedAt, CompletedAt string
	}
	ServiceStatus *struct{ RunningTasks, DesiredTasks uint64 }
}

// wireUsage is GET /system/df.
type wireUsage struct {
	LayersSize int64
	Images     []struct {
		Size, SharedSize, Containers int64
	}
	Containers []struct {
		SizeRw int64
		State  string
	}
	Volumes []struct {
		UsageData *struct{ Size, RefCount int64 }
	}
	BuildCache []struct {
		Size  int64
		InUse bool
	}
}

type wireTask struct {
	ID           string
	ServiceID    string
	NodeID       string
	Slot         int
	DesiredState string
	// NetworksAttachments name the swarm's own networks (host, none), which GET /networks lists
	// under other IDs.
	NetworksAttachments []struct {
		Network struct {
			ID   string
			Spec struct{ Name string }
		}
	}
	Spec struct {
		ContainerSpec *struct{ Image string }
	}
	Status struct {
		Timestamp, State, Message, Err string
		ContainerStatus                *struct{ ContainerID string }
	}
}
