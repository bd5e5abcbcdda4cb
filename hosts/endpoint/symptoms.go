package endpoint

import (
	"context"
	"sync"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/logline"
	"midwatch/hosts/redact"
)

// Lines reads the log of a container since a moment, at most tail of its last lines, and gives each
// to do.
type Lines func(ctx context.Context, containerID string, since time.Time, tail int, do func(at time.Time, text string)) error

// The bounds of what is read of containers for symptoms.
const (
	symptomTail       = 1500 // lines of one container
	symptomContainers = 80
	symptomsAtOnce    = 4
)

// symptomsRaw is the evidence: what was counted, and the containers whose logs could not be read.
type symptomsRaw struct {
	Symptoms []hosts.Symptom   `json:"symptoms"`
	Failed   map[string]string `json:"failed,omitempty"`
}

// Symptoms reads the last half hour of each container's log for lines that speak of known troubles. An
// engine cannot look for them itself, so it is done rarely and within bounds.
func Symptoms(host string, lines Lines, now func() time.Time) Reader {
	r := Reader{ID: CollectSymptoms, Source: "docker logs --since 30m --tail 1500 CONTAINER", Every: 5 * time.Minute, Ready: byContainers}
	r.Read = func(ctx context.Context, h *hosts.HostFacts) hosts.Evidence {
		at := now()
		from := at.Add(-hosts.SymptomWindow)
		var mu sync.Mutex // guards what follows
		var tally logline.Tally
		raw := symptomsRaw{Failed: map[string]string{}}
		var wg sync.WaitGroup
		slots := make(chan struct{}, symptomsAtOnce)
		n := 0
		for _, c := range h.Containers.Value {
			if c.State != "running" && c.State != "restarting" && c.Finished.Before(from) || n == symptomContainers {
				continue
			}
			n++
			src := hosts.LogSource{Host: host, Kind: hosts.LogContainer, Name: c.Name}
			wg.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				ctx, cancel := context.WithTimeout(ctx, timeout)
				defer cancel()
				err := lines(ctx, c.ID, from, symptomTail, func(at time.Time, text string) {
					mu.Lock()
					tally.Add(src, at, redact.Text(hosts.CleanLine(text)))
					mu.Unlock()
				})
				if err != nil {
					mu.Lock()
					raw.Failed[c.Name] = hosts.CleanLine(err.Error())
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		raw.Symptoms = tally.List()
		return evidence(host, r.ID, r.Source, at, since(now, at), raw, nil)
	}
	return r
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
