package fleet

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/collect"
	"midwatch/hosts/docker"
	"midwatch/hosts/endpoint"
)

// Replay makes the snapshot that evidence adds up to, the same on any machine. list are the hosts
// it is of; evidence of others is left out, and so is evidence of collectors this version does not
// know. Later evidence of a collector comes after earlier.
func Replay(list []hosts.Host, evidence []hosts.Evidence, at time.Time) *hosts.Snapshot {
	s := &hosts.Snapshot{Gen: 1, At: at}
	byName := map[string]*hosts.HostFacts{}
	for _, h := range list {
		f := &hosts.HostFacts{Host: h}
		f.System.Value.FailedUnits = -1
		f.Link = hosts.Link{State: hosts.StateDisconnected, Reason: "no evidence of it was captured", Since: at}
		byName[h.Name] = f
		s.Hosts = append(s.Hosts, f)
	}
	// What an engine says comes first: compose projects and others are joined with containers.
	ordered := slices.Clone(evidence)
	slices.SortStableFunc(ordered, func(a, b hosts.Evidence) int { return cmp.Compare(turn(a), turn(b)) })
	for _, ev := range ordered {
		f, ok := byName[ev.Host]
		if !ok {
			continue
		}
		if mine := collect.Apply(f, ev) || applyDocker(f, ev) || endpoint.Apply(f, ev); !mine {
			continue
		}
		if f.Latest.After(f.Link.LastSeen) {
			f.Link = hosts.Link{State: hosts.StateConnected, Since: f.Latest, LastSeen: f.Latest, Via: hosts.ViaCapture}
		}
	}
	return s
}

// turn says when evidence is applied, compared with other evidence.
func turn(ev hosts.Evidence) int {
	if strings.HasPrefix(ev.Collector, "docker.") {
		return 0
	}
	return 1
}

// collectAbsent is the evidence that a host has no engine: without it a capture could not tell that
// from an engine nobody asked.
const collectAbsent = "docker.absent"

// applyDocker puts the evidence of an engine into f.
func applyDocker(f *hosts.HostFacts, ev hosts.Evidence) bool {
	good := false
	switch ev.Collector {
	case collectAbsent:
		f.Containers, f.Images = hosts.Read([]hosts.Container(nil), ev.Source, ev.At), hosts.Read([]hosts.Image(nil), ev.Source, ev.At)
		return true
	case docker.CollectEngine:
		good = parsed(&f.Engine, ev, docker.ParseEngine)
	case docker.CollectContainers:
		good = parsed(&f.Containers, ev, docker.ParseContainers)
	case docker.CollectImages:
		good = parsed(&f.Images, ev, docker.ParseImages)
	case docker.CollectStats:
		good = parsed(&f.Stats, ev, parseSeries)
	case docker.CollectVolumes:
		good = parsed(&f.Volumes, ev, docker.ParseVolumes)
	case docker.CollectNetworks:
		good = parsed(&f.Networks, ev, docker.ParseNetworks)
	case docker.CollectSwarm:
		good = parsed(&f.Swarm, ev, docker.ParseSwarm)
	case docker.CollectUsage:
		good = parsed(&f.DiskUsage, ev, docker.ParseUsage)
	default:
		return false
	}
	if good && ev.At.After(f.Latest) {
		f.Latest = ev.At
	}
	return true
}

func parsed[T any](p *hosts.Part[T], ev hosts.Evidence, parse func(hosts.Evidence) (T, error)) bool {
	v, err := parse(ev)
	if err != nil {
		*p = p.Failed(collect.OneLine(err.Error()), ev.Needs, ev.Source, ev.At)
		return false
	}
	*p = hosts.Read(v, ev.Source, ev.At)
	return true
}

func parseSeries(ev hosts.Evidence) (map[string]hosts.Series, error) {
	got, err := docker.ParseStats(ev)
	if err != nil {
		return nil, err
	}
	out := make(map[string]hosts.Series, len(got))
	for id, s := range got {
		out[id] = hosts.Series{s}
	}
	return out, nil
}
