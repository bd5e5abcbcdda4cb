package endpoint

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"midwatch/hosts"
)

// endless answers every page without end and counts what was taken.
func endless(t *testing.T, text string) (addr string, taken *atomic.Int64) {
	t.Helper()
	taken = new(atomic.Int64)
	block := []byte(strings.Repeat(text, 64<<10/len(text)))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/config_dump" {
			_, _ = w.Write([]byte(dump))
			return
		}
		for r.Context().Err() == nil {
			n, err := w.Write(block)
			taken.Add(int64(n))
			if err != nil {
				return
			}
		}
	}))
	t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "http://"), taken
}

// Sick admin interfaces cannot make us read without end, one by one or together; what they do answer stays.
func TestEnvoyAnswersAreBounded(t *testing.T) {
	t.Parallel()
	addr, taken := endless(t, `{"x":[1,2,3]},`)
	targets := make([]EnvoyTarget, 4)
	for i := range targets {
		targets[i].Admin = addr
	}
	ev := Envoy("h", direct, targets, time.Now).Read(t.Context(), &hosts.HostFacts{})
	f := &hosts.HostFacts{}
	Apply(f, ev)
	said := ""
	for _, e := range f.Envoy.Value {
		said += e.Error + "\n" + strings.Join(e.Missing, "\n") + "\n"
	}
	if want := ": the Envoys of this host answer more than 32 MiB together"; !strings.Contains(said, want) {
		t.Errorf("no %q in\n%s", want, said)
	}
	// What was on its way when the end came was sent, and is not kept.
	if n := taken.Load(); n > 2*maxEnvoys+(100<<20) {
		t.Errorf("%d MiB were taken", n>>20)
	}
	if n := len(ev.Data); n > 1<<20 {
		t.Errorf("evidence of %d bytes", n)
	}

	addr, _ = endless(t, "x")
	ev = Envoy("h", direct, []EnvoyTarget{{Admin: addr}}, time.Now).Read(t.Context(), &hosts.HostFacts{})
	Apply(f, ev)
	if e := f.Envoy.Value[0]; e.Config == nil || e.Error != "" || len(e.Missing) != 5 || !strings.Contains(strings.Join(e.Missing, "\n"), "MiB") {
		t.Errorf("%q %q", e.Error, e.Missing)
	}
}

// One answer of any API has a bound too, and the error says which and how much.
func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	addr, _ := endless(t, "x")
	c := client(func(ctx context.Context, n, a string) (net.Conn, error) { return direct(ctx, n, a) }, nil)
	defer c.CloseIdleConnections()
	_, err := get(t.Context(), c, "http://"+addr+"/api/http/routers", nil)
	if err == nil || err.Error() != "GET /api/http/routers: the answer is larger than 8 MiB" {
		t.Error(err)
	}
}
