package nginxrules

import (
	"strconv"

	"midwatch/checks"
	"midwatch/hosts/nginx"
)

// workers tells how many worker processes an nginx has: known says whether n is certain, d is the line
// that says so, or nil.
func workers(n *checks.Nginx) (count int, known bool, d *nginx.Directive) {
	d = nginx.Last(n.Config.Root, "worker_processes")
	switch {
	case d == nil && n.HTTP.Fragment:
		return 0, false, nil
	case d == nil:
		return 1, true, nil
	case d.Arg(0) != "auto":
		c, err := strconv.Atoi(d.Arg(0))
		return c, err == nil, d
	}
	if n.Host != nil && n.Host.System.Known() && n.Host.System.Value.CPUs > 0 {
		// A container with a limit still sees all processors.
		return n.Host.System.Value.CPUs, true, d
	}
	return 0, false, d
}
