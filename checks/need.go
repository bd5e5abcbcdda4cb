package checks

import (
	"slices"
	"time"

	"midwatch/hosts"
)

// Need names a part of a host's facts.
type Need string

// The parts that a check can need.
const (
	NeedSystem     Need = "system"
	NeedDisks      Need = "disks"
	NeedUnits      Need = "units"
	NeedEngine     Need = "engine"
	NeedContainers Need = "containers"
	NeedImages     Need = "images"
	NeedAddresses  Need = "addresses"
	NeedMounts     Need = "mounts"
	NeedSockets    Need = "sockets"
	NeedVolumes    Need = "volumes"
	NeedNetworks   Need = "networks"
	NeedCompose    Need = "compose files"
	NeedNginx      Need = "nginx"
	NeedEnvoy      Need = "envoy"
	NeedTraefik    Need = "traefik"
	NeedSwarm      Need = "swarm"
	NeedDatabases  Need = "databases"
	NeedAgents     Need = "agents"
	NeedProbes     Need = "probes"
	NeedDokploy    Need = "dokploy"
	NeedSymptoms   Need = "journal"        // lines of the journal that speak of known troubles
	NeedLogs       Need = "container logs" // the same of containers
	NeedCode       Need = "code"           // what interpreters run, against what lies on disk
	NeedCertFiles  Need = "certificates"   // those of nginx, as they lie on disk
	NeedUsage      Need = "disk usage"     // what an engine keeps
)

// needs are all parts, for telling their names from other words.
var needs = []Need{
	NeedSystem, NeedDisks, NeedUnits, NeedEngine, NeedContainers, NeedImages, NeedAddresses, NeedMounts, NeedSockets, NeedVolumes, NeedNetworks,
	NeedCompose, NeedNginx, NeedEnvoy, NeedTraefik, NeedSwarm, NeedDatabases, NeedAgents, NeedProbes, NeedDokploy, NeedSymptoms, NeedLogs, NeedCode, NeedCertFiles, NeedUsage,
}

// IsNeed reports that a word is the name of a part.
func IsNeed(word string) bool { return slices.Contains(needs, Need(word)) }

// PartState is how a part stands, whatever its type.
type PartState struct {
	Name   Need
	Known  bool // there is a value, fresh or old
	Fresh  bool
	Reason string
	Needs  string
	Source string
	At     time.Time

	unasked bool
}

// unconfigured reports a part that is only read where the inventory names it, on a host where it does
// not: nobody will ask.
func (p PartState) unconfigured() bool {
	switch p.Name {
	case NeedEnvoy, NeedTraefik, NeedAgents, NeedProbes, NeedDokploy:
		return p.unasked
	}
	return false
}

// Why says in one line why there is no value.
func (p PartState) Why() string {
	if p.Reason == "" {
		return string(p.Name) + " not read yet"
	}
	return string(p.Name) + ": " + p.Reason
}

func state[T any](name Need, p hosts.Part[T]) PartState {
	return PartState{Name: name, Known: p.Known(), Fresh: p.Standing() == hosts.Fresh, Reason: p.Reason, Needs: p.Needs, Source: p.Source, At: p.At, unasked: p.Standing() == hosts.Unasked}
}

// Part gives the standing of a part of the host. What nobody asked for on a host that is away is not
// known because the host is away.
func (h *Host) Part(n Need) PartState {
	p := h.part(n)
	if p.unasked && (h.Link.State == hosts.StateDisconnected || h.Link.State == hosts.StateError) {
		p.Reason = h.Link.State.String() + ": " + h.Link.Reason
	}
	return p
}

func (h *Host) part(n Need) PartState {
	f := h.HostFacts
	switch n {
	case NeedSystem:
		return state(n, f.System)
	case NeedDisks:
		return state(n, f.Disks)
	case NeedUnits:
		return state(n, f.Units)
	case NeedEngine:
		return state(n, f.Engine)
	case NeedContainers:
		return state(n, f.Containers)
	case NeedImages:
		return state(n, f.Images)
	case NeedAddresses:
		return state(n, f.Addresses)
	case NeedMounts:
		return state(n, f.Mounts)
	case NeedSockets:
		return state(n, f.Sockets)
	case NeedVolumes:
		return state(n, f.Volumes)
	case NeedNetworks:
		return state(n, f.Networks)
	default:
		return h.partMore(n)
	}
}

func (h *Host) partMore(n Need) PartState {
	f := h.HostFacts
	switch n {
	case NeedCompose:
		return state(n, f.Compose)
	case NeedNginx:
		return state(n, f.Nginx)
	case NeedEnvoy:
		return state(n, f.Envoy)
	case NeedTraefik:
		return state(n, f.Traefik)
	case NeedSwarm:
		return state(n, f.Swarm)
	case NeedDatabases:
		return state(n, f.Databases)
	case NeedAgents:
		return state(n, f.Agents)
	case NeedProbes:
		return state(n, f.Probes)
	case NeedDokploy:
		return state(n, f.Dokploy)
	case NeedCode:
		return state(n, f.Code)
	case NeedCertFiles:
		return state(n, f.CertFiles)
	case NeedUsage:
		return state(n, f.DiskUsage)
	case NeedSymptoms:
		return state(n, f.Symptoms)
	case NeedLogs:
		if f.Containers.Known() && len(f.Containers.Value) == 0 && f.ContainerSymptoms.Standing() == hosts.Unasked {
			return state(n, f.Containers) // no container, no log
		}
		return state(n, f.ContainerSymptoms)
	}
	return PartState{Name: n, Reason: "nothing collects it"}
}
