package hosts

import (
	"time"

	"midwatch/hosts/envoy"
	"midwatch/hosts/nginx"
)

// Nginx is one nginx of a host: the host's own or one in a container.
type Nginx struct {
	Container   string // container name; "" for the host's own
	ContainerID string
	Version     string // "1.22.1"
	Config      *nginx.Config
	HTTP        *nginx.HTTP
	Notes       []string // what nginx printed beside the configuration: warnings with file and line
	// Stale is why it could not be read again: Config is the last that was read, of an unknown age.
	Stale string
	Error string // why its configuration could not be read; Config and HTTP are nil then
	Needs string // what would make it readable
	// Read is when this one was read: those of containers and the host's own come in different ways.
	Read time.Time `json:",omitzero"`
	// Loaded is when the newest worker started, Changed when the file ChangedFile did, the last of all;
	// zero where that is not known.
	Loaded      time.Time
	Changed     time.Time
	ChangedFile string
}

// Envoy is one Envoy of a host, by its admin interface.
type Envoy struct {
	Admin     string // "127.0.0.1:9901", as the host sees it
	Container string // container name when it is known to run in one
	Info      envoy.ServerInfo
	Config    *envoy.Config
	Bound     []envoy.ListenerStatus
	Certs     []envoy.Cert
	Stats     map[string]float64 // the stats asked for by name
	Control   string             // URL of a control plane, "" without one
	Error     string             // why the admin interface could not be read; Config is nil then
	Missing   []string           // admin pages that gave nothing, with the reason
}

// Traefik is what Traefik routes, from its API or from the labels of containers.
type Traefik struct {
	From        string // "api http://…" or "labels"
	Version     string
	EntryPoints []EntryPoint
	Routers     []Router
	Services    []ProxyService
	Middlewares []Middleware
	Error       string // why the API could not be read
}

// EntryPoint is a port Traefik listens on.
type EntryPoint struct{ Name, Address string }

// Router is a Traefik router.
type Router struct {
	Name, Rule, Service, Provider, Status string
	EntryPoints, Middlewares              []string
	Priority                              int
	TLS                                   bool
	CertResolver                          string
	Errors                                []string
	Container                             string // whose labels define it
}

// ProxyService is a Traefik service with the servers behind it.
type ProxyService struct {
	Name, Provider, Status string
	Servers                []ProxyServer
	Container              string // whose labels define it
	Port                   int    // loadbalancer.server.port of the labels
	Scheme                 string
}

// ProxyServer is one server behind a service.
type ProxyServer struct{ URL, Status string }

// Middleware is a Traefik middleware by name and type.
type Middleware struct {
	Name, Type string
	Settings   map[string]string
}

// ReadNginx is the part of all nginx of a host after one of the ways to them gave an answer at a moment: the
// part is as old as the oldest of them.
func ReadNginx(list []Nginx, source string, at time.Time) Part[[]Nginx] {
	oldest := at
	for _, n := range list {
		if !n.Read.IsZero() && n.Read.Before(oldest) {
			oldest = n.Read
		}
	}
	p := Read(list, source, oldest)
	p.Tried = at
	return p
}
