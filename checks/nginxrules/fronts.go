package nginxrules

import (
	"midwatch/checks"
	"midwatch/hosts/nginx"
)

// front is something before an nginx that ends TLS for it.
type front struct {
	what     string
	evidence checks.Evidence
}

// fronts finds what in the fleet ends TLS and sends requests on to a server. None does for files.
func fronts(n *checks.Nginx, _ *nginx.Server) []front {
	if n.Host == nil {
		return nil
	}
	return nil
}
