package endpoint

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/logline"
	"midwatch/hosts/redact"
)

// Lines reads the log of a container since a moment, at most tail of its last lines, and gives each
// to do.
type Lines func(ctx context.Context, containerID string, since time.Time, tail int, do func(at time.Time, text string)) error

// The bounds of what is read of containers for symptoms. The first pass reads them all; those after it
// read a few each, what is new in them, and cost two round trips.
const (
	symptomTail     = 1500 // lines of one container
	symptomsAtFirst = 80   // of the first pass
	symptomsAtOnce  = 4    // more would keep other requests to the engine waiting for a channel
)

// symptomsRaw is the evidence: what was counted, and the containers whose logs could not be read.
type symptomsRaw struct {
	Symptoms []hosts.Symptom   `json:"symptoms"`
	Failed   map[string]string `json:"failed,omitempty"`
}

// Symptoms reads the last half hour of each container's log for lines that speak of known troubles. An
// engine cannot look for them itself, so it is done rarely and within bounds. What was found in the
// containers that a pass leaves out is told again as long as it is not older than that half hour.
func Symptoms(host string, lines Lines, now func() time.Time) Reader {
	r := Reader{ID: CollectSymptoms, Source: "docker logs --since 30m --tail 1500 CONTAINER", Every: 30 * time.Second, Ready: byContainers}
	known := map[string]containerLog{} // by container ID; Read is never called twice at once
	r.Read = func(ctx context.Context, h *hosts.HostFacts) hosts.Evidence {
		at := now()
		from := at.Add(-hosts.SymptomWindow)
		due := dueLogs(h.Containers.Value, known, from)
		read := make([]containerLog, len(due))
		var wg sync.WaitGroup
		slots := make(chan struct{}, symptomsAtOnce)
		for i, c := range due {
			wg.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				read[i] = readLog(ctx, host, c, lines, known[c.ID], from, at)
			})
		}
		wg.Wait()
		for i, c := range due {
			known[c.ID] = read[i]
		}
		raw := symptomsRaw{Failed: map[string]string{}}
		for id, l := range known {
			if l.at.Before(from) {
				delete(known, id)
				continue
			}
			for _, s := range l.symptoms {
				if s.Last.After(from) {
					raw.Symptoms = append(raw.Symptoms, s)
				}
			}
			if l.failed != "" {
				raw.Failed[l.name] = l.failed
			}
		}
		slices.SortFunc(raw.Symptoms, func(a, b hosts.Symptom) int {
			return cmp.Or(b.Last.Compare(a.Last), strings.Compare(a.Source.Name, b.Source.Name), strings.Compare(a.ID, b.ID))
		})
		return evidence(host, r.ID, r.Source, at, since(now, at), raw, nil)
	}
	return r
}

// containerLog is what one reading of a container's log told.
type containerLog struct {
	name     string
	at       time.Time
	symptoms []hosts.Symptom
	failed   string
}

// dueLogs are the containers of the next pass: those that run or have ended lately, the ones read
// longest ago first.
func dueLogs(list []hosts.Container, known map[string]containerLog, from time.Time) []hosts.Container {
	var due []hosts.Container
	for _, c := range list {
		if c.State == "running" || c.State == "restarting" || c.Finished.After(from) {
			due = append(due, c)
		}
	}
	slices.SortStableFunc(due, func(a, b hosts.Container) int { return known[a.ID].at.Compare(known[b.ID].at) })
	most := symptomsAtOnce
	if len(known) == 0 {
		most = symptomsAtFirst
	}
	return due[:min(len(due), most)]
}

// readLog reads what a log has since it was read last, and adds it to what was known.
func readLog(ctx context.Context, host string, c hosts.Container, lines Lines, before containerLog, from, at time.Time) containerLog {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	src := hosts.LogSource{Host: host, Kind: hosts.LogContainer, Name: c.Name}
	var tally logline.Tally
	out := containerLog{name: c.Name, at: at}
	if before.failed == "" && before.at.After(from) {
		from = before.at
	}
	err := lines(ctx, c.ID, from, symptomTail, func(at time.Time, text string) {
		if logline.Symptom(text) != "" { // most lines are none, and cleaning costs more than looking
			tally.Add(src, at, redact.Text(hosts.CleanLine(text)))
		}
	})
	if err != nil {
		out.failed = hosts.CleanLine(err.Error())
	}
	out.symptoms = added(before.symptoms, tally.List())
	return out
}

// added joins what was known of a log with what has come since.
func added(known, fresh []hosts.Symptom) []hosts.Symptom {
	out := slices.Clone(known)
	for _, s := range fresh {
		i := slices.IndexFunc(out, func(o hosts.Symptom) bool { return o.ID == s.ID })
		if i < 0 {
			out = append(out, s)
			continue
		}
		out[i].Count += s.Count
		out[i].Last, out[i].Line = s.Last, s.Line
	}
	return out
}

// parseSymptoms reads the evidence. A container that could not be read is a symptom of its own, so that
// silence is not taken for health.
func parseSymptoms(data []byte) ([]hosts.Symptom, error) {
	raw, err := parseJSON[symptomsRaw](data, "symptoms of containers")
	if err != nil {
		return nil, err
	}
	out := raw.Symptoms
	for name, why := range raw.Failed {
		out = append(out, hosts.Symptom{ID: "log-unread", Source: hosts.LogSource{Kind: hosts.LogContainer, Name: name}, Count: 1, Line: why})
	}
	return out, nil
}
