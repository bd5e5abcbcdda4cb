package hosts

import "time"

// Snapshot is all that is known of the fleet at one moment. It is never changed after it was
// published: a newer one shares the parts that did not change, so keeping one costs a slice.
type Snapshot struct {
	Gen   uint64 // grows with every published snapshot
	At    time.Time
	Hosts []*HostFacts // in the order of the inventory
	// Events are the latest events of the fleet, in the order they became known, bounded; Forgotten
	// counts those that had to go.
	Events    []Event
	Forgotten uint64
	// Asked is what live probes were answered, when somebody let them be made.
	Asked []Asked
}

// Host returns the facts of the named host, or nil.
func (s *Snapshot) Host(name string) *HostFacts {
	if s == nil {
		return nil
	}
	for _, h := range s.Hosts {
		if h.Host.Name == name {
			return h
		}
	}
	return nil
}

// HostFacts is what is known of one host.
type HostFacts struct {
	Host Host
	Link Link
	// Latest is the newest moment any part was read.
	Latest time.Time
	// Answered are the collectors of which an answer, good or bad, is in these facts. Parts alone do not
	// tell: several collectors may fill one.
	Answered map[string]bool

	System     Part[System]
	Disks      Part[[]Disk] // file systems, local and remote; System.Disks is the same list
	Units      Part[[]Unit] // service, socket, timer and target units that are loaded
	Engine     Part[Engine]
	Containers Part[[]Container]
	Images     Part[[]Image]
	Stats      Part[map[string]Series] // by container ID; running containers only

	// What a host says when it is asked more closely; each is Unknown with its reason where root, a
	// group or an endpoint is missing.
	Addresses Part[[]string] // every address of the machine's interfaces
	Mounts    Part[[]Mount]
	Sockets   Part[[]Socket]
	Volumes   Part[[]Volume]
	Networks  Part[[]Network]
	Compose   Part[[]ComposeProject]
	Nginx     Part[[]Nginx]
	Envoy     Part[[]Envoy]
	Traefik   Part[[]Traefik]
	Swarm     Part[Swarm]
	Databases Part[[]Database]
	Agents    Part[[]Agent]
	AgentHub  Part[AgentHub]
	Dokploy   Part[Dokploy]
	Probes    Part[[]Probe]
	// What logs speak of: the journal of the machine, and the logs of its containers.
	Symptoms          Part[[]Symptom]
	ContainerSymptoms Part[[]Symptom]

	// LooseLogs are logs of databases that nobody has open; as old as Databases.
	LooseLogs []LooseLog
	// Code is what processes of interpreters run from, and whether it changed after they started.
	Code Part[[]CodeTree]
	// CertFiles are the certificates that nginx is configured with, as they lie on disk.
	CertFiles Part[[]CertFile]
	// DiskUsage is what an engine keeps on its disk; asked for only where that disk gets full.
	DiskUsage Part[EngineDisk]

	// UnitEnv is what was read of environment files, by path. Units has it too; which of the two answers
	// comes first does not matter.
	UnitEnv map[string]EnvFile

	LoadTrend []float64 // 1-minute load, oldest first, one value a refresh, bounded
}

// Series is the recent samples of one container, oldest first, at most SeriesLen.
type Series []Stats

// SeriesLen is how many samples a Series keeps.
const SeriesLen = 60

// Last returns the newest sample.
func (s Series) Last() (Stats, bool) {
	if len(s) == 0 {
		return Stats{}, false
	}
	return s[len(s)-1], true
}
