package hostrules

import (
	"testing"
	"time"

	"midwatch/checks"
	"midwatch/hosts"
)

// The fix is the command by which the inventory says that a unit takes new code.
func TestHowCodeIsLoadedAgain(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	for _, x := range []struct {
		rule hosts.UnitRule
		want string
	}{
		{hosts.UnitRule{Match: "web@*.service", Restart: "reload", ReloadWith: "SIGUSR2"}, "systemctl kill --kill-whom=main -s SIGUSR2 web@1.service"},
		{hosts.UnitRule{Match: "web@*.service", Restart: "reload"}, "systemctl reload web@1.service"},
		{hosts.UnitRule{Match: "web@*.service", Restart: "stop-start"}, "systemctl stop web@1.service && systemctl start web@1.service"},
		{hosts.UnitRule{Match: "other.service", Restart: "reload"}, "systemctl restart web@1.service"},
	} {
		f := &hosts.HostFacts{Host: hosts.Host{Name: "a", Units: []hosts.UnitRule{x.rule}}}
		f.Code = hosts.Read([]hosts.CodeTree{{Dir: "/srv/web", Unit: "web@1.service", Started: now.Add(-time.Hour), Newest: now.Add(-time.Minute * 10), File: "a.rb"}}, "x", now)
		found := evalPartialDeploy(checks.FromSnapshot(&hosts.Snapshot{At: now, Hosts: []*hosts.HostFacts{f}}).Hosts[0])
		if want := "See that the deploy came to its end, then: " + x.want; len(found) != 1 || found[0].Fix != want {
			t.Errorf("%+v, want %s", found, want)
		}
	}
}
