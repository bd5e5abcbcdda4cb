package main

import (
	"testing"

	"midwatch/tui/night"
	"midwatch/tui/runs"
)

// "Login sends me back to http": four keys on the demo fleet show the line that does it. The wide terminal has
// the details beside the list; the small one opens them.
func TestFromTheComplaintToTheLine(t *testing.T) {
	t.Parallel()
	snap := worldSnapshot(t, "cortex")
	n := night.Begin(t, 120, 40, snap, nil, screens(askChecks(nil), runs.Deps{})...)
	n.Sees("Fleet", "prod-113").Presses("W").Sees("what is the trouble?", "login sends me back to http")
	n.Presses("/", "h", "t").Sees("1 of", "Cause", "default.conf:32", "proxy_set_header X-Forwarded-Proto $scheme;")
}
