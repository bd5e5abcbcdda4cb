package history

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"midwatch/hosts"
)

func TestUnitEvents(t *testing.T) {
	t.Parallel()
	at := Look{At: time.Unix(1, 0)}
	old := []hosts.Unit{
		{Name: "a", Active: "active", Sub: "running"},
		{Name: "b", Active: "active", Sub: "running", Restarts: 1, Counts: []hosts.RestartCount{{N: 1}}},
		{Name: "unread", Active: "active"}, // its counter was not read yet
		{Name: "c", Active: "activating", Sub: "start"},
		{Name: "same", Active: "active"},
		{Name: "gone", Active: "active"},
	}
	now := []hosts.Unit{
		{Name: "a", Active: "failed", Sub: "failed"},
		{Name: "b", Active: "active", Sub: "running", Restarts: 3},
		{Name: "unread", Active: "active", Restarts: 7},
		{Name: "c", Active: "activating", Sub: "auto-restart"},
		{Name: "same", Active: "active", Sub: "other"},
		{Name: "new", Active: "active"},
		{Name: "worse", Active: "failed", Result: "signal"},
	}
	var got []string
	for _, e := range Units(old, now, at) {
		got = append(got, e.Object+" "+e.Action)
	}
	if diff := cmp.Diff([]string{"a failed", "b restarted", "c auto-restart", "worse failed"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestContainerEvents(t *testing.T) {
	t.Parallel()
	at := Look{At: time.Unix(1, 0)}
	old := []hosts.Container{
		{ID: "1", Name: "a", State: "running", Health: hosts.HealthHealthy},
		{ID: "2", Name: "b", State: "running"},
		{ID: "3", Name: "c", State: "running"},
		{ID: "4", Name: "d", State: "exited"},
	}
	now := []hosts.Container{
		{ID: "1", Name: "a", State: "running", Health: hosts.HealthUnhealthy},
		{ID: "2", Name: "b", State: "exited", Exit: 3},
		{ID: "3", Name: "c", State: "running", Restarts: 1},
		{ID: "5", Name: "e", State: "running"},
	}
	var got []string
	for _, e := range Containers(old, now, at) {
		got = append(got, e.Object+" "+e.Action+" "+e.Detail)
	}
	want := []string{"a health_status: unhealthy was healthy", "b die exit 3", "c restart 1 restart so far", "e create ", "d destroy "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
