package worlds

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"midwatch/hosts/demo/sim"
	"midwatch/hosts/demo/vfs"
)

// lived builds a world that has lived for some hours.
func lived(t *testing.T, w World) *sim.Site {
	t.Helper()
	now := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	s := sim.New(sim.Params{Name: w.Name, Seed: 7, Now: func() time.Time { return now }, Warm: 4 * time.Hour, Keep: 100000})
	w.Build(s, NewPlan(0, 0))
	s.Lock()
	s.Unlock() //nolint:staticcheck // Lock itself lets things happen
	return s
}

func log(s *sim.Site, host, container string) []string {
	s.Lock()
	defer s.Unlock()
	var out []string
	for _, l := range s.Host(host).Container(container).Log.All() {
		out = append(out, l.Text)
	}
	return out
}

func journal(s *sim.Site, host, unit string) []string {
	s.Lock()
	defer s.Unlock()
	var out []string
	for _, r := range s.Host(host).Journal.All() {
		if r.Unit == unit {
			out = append(out, r.Message)
		}
	}
	return out
}

func file(t *testing.T, s *sim.Site, host, name string) []string {
	t.Helper()
	b, err := s.Host(host).FS.ReadFile(vfs.Cred{User: "root"}, name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(b), "\n")
}

// TestFailuresCanBeFollowed takes a request that a proxy's access log shows with 500, and finds it by
// its ID in the log of the server behind, with the stack of the error.
func TestFailuresCanBeFollowed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		world         World
		access, after func(s *sim.Site) []string
		stack         string // of the line that has the ID, or of those that follow it
	}{
		"cortex": {
			Cortex(), func(s *sim.Site) []string { return log(s, "prod-113", "ai_unified_frontend") },
			func(s *sim.Site) []string { return log(s, "prod-113", "ai_hub_service") }, `IndexError: list index out of range`,
		},
		"studio": {
			Studio(), func(s *sim.Site) []string { return log(s, "studio-vm", "ai-studio-web-1") },
			func(s *sim.Site) []string { return log(s, "studio-vm", "ai-studio-backend-1") }, `\n    at `,
		},
		"cxb": {
			CXB(), func(s *sim.Site) []string { return file(t, s, "cxb-api", "/var/log/nginx/access.log") },
			func(s *sim.Site) []string { return journal(s, "cxb-api", "cxb-api.service") }, `httpx.HTTPStatusError: `,
		},
	}
	id := regexp.MustCompile(`" 500 \d+ .* rid=([0-9a-f-]+)$`)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := lived(t, tc.world)
			failed := 0
			behind := tc.after(s)
			for _, l := range tc.access(s) {
				m := id.FindStringSubmatch(l)
				if m == nil {
					continue
				}
				failed++
				found := false
				for i, b := range behind {
					found = found || strings.Contains(b, m[1]) && strings.Contains(strings.Join(behind[i:min(i+14, len(behind))], "\n"), tc.stack)
				}
				if !found {
					t.Errorf("%s is not in the log behind, or without its stack", m[1])
				}
			}
			if failed == 0 {
				t.Error("no request failed")
			}
		})
	}
}
