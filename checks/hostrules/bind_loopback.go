package hostrules

import (
	"fmt"
	"path"
	"strings"

	"midwatch/checks"
	"midwatch/checks/compose"
)

func bindLoopback() checks.Check {
	return checks.Check{
		ID:       "bind-loopback-in-container",
		Title:    "the server in the container listens for itself only",
		Area:     checks.AreaContainer,
		Severity: checks.Warning,
		Why: "127.0.0.1 in a container is the container: the published port is open and every connection is reset, and a proxy beside it is refused. " +
			"uvicorn, gunicorn and flask listen there unless they are told otherwise.",
		Fix:       "--host 0.0.0.0 (uvicorn, flask), --bind 0.0.0.0:PORT (gunicorn).",
		Verify:    "docker exec CONTAINER cat /proc/net/tcp shows 00000000:PORT and not 0100007F:PORT",
		Sources:   []string{"https://www.uvicorn.org/settings/#socket-binding", "https://docs.gunicorn.org/en/stable/settings.html#bind"},
		Diagnoses: []string{"loopback-in-container", "reachability"},
		Eval:      checks.Join(checks.OnCompose(evalBindFile), checks.OnHost(evalBindHost)),
	}
}

// listensAt gives the address a server of a command listens on, as far as it is known to us; "" when
// it is not, or a unix socket.
func listensAt(words []string) (server, addr string) {
	words = flat(words)
	for i, w := range words {
		switch name := path.Base(w); {
		case name == "uvicorn", name == "gunicorn":
			server, addr = name, "127.0.0.1"
		case name == "flask" && i+1 < len(words) && (words[i+1] == "run" || strings.HasPrefix(words[i+1], "-")):
			server, addr = name, "127.0.0.1"
		}
	}
	if server == "" {
		return "", ""
	}
	for i, w := range words {
		flag, value, has := strings.Cut(w, "=")
		if !has && i+1 < len(words) {
			value = words[i+1]
		}
		switch {
		case flag == "--uds" || flag == "-c" && server == "gunicorn" || flag == "--config" || flag == "--fd":
			return server, "" // a socket, or told elsewhere
		case flag == "--host" || flag == "-h" && server == "flask":
			addr = value
		case (flag == "--bind" || flag == "-b") && server == "gunicorn":
			addr, _, _ = strings.Cut(strings.TrimPrefix(value, "["), ":")
			if strings.HasPrefix(value, "unix") {
				return server, ""
			}
			if strings.HasPrefix(value, "[") {
				addr = strings.SplitN(value[1:], "]", 2)[0]
			}
		case strings.HasPrefix(w, "--bind=") || strings.HasPrefix(w, "-b=") || strings.HasPrefix(w, "-b0") || strings.HasPrefix(w, "-b:"):
			addr = "0.0.0.0"
		}
	}
	return server, addr
}

func loopbackAddr(a string) bool {
	return a == "localhost" || a == "::1" || strings.HasPrefix(a, "127.")
}

// bindVars are variables that tell these servers where to listen.
var bindVars = []string{"UVICORN_HOST", "FLASK_RUN_HOST", "GUNICORN_CMD_ARGS", "HOST", "BIND"}

func evalBindFile(c *checks.Compose) []checks.Finding {
	var out []checks.Finding
	for _, s := range c.Project.Services {
		if len(s.Ports) == 0 || s.NetworkMode == "host" || c.Host != nil && inspected(c.Host, c.Deployed.Name, s.Name) || toldByEnv(s) {
			continue
		}
		server, addr := listensAt(append(s.Words("entrypoint"), s.Words("command")...))
		if addr == "" || !loopbackAddr(addr) {
			continue
		}
		at := s.Root.Get("command")
		if at == nil {
			at = s.Root.Get("entrypoint")
		}
		f := c.At(at.Pos, "service "+s.Name)
		f.Title = fmt.Sprintf("%s of %s listens on %s, and port %d is published", server, s.Name, addr, s.Ports[0].Target)
		f.Evidence = append(f.Evidence, c.Line(s.Ports[0].Pos))
		out = append(out, f)
	}
	return out
}

func toldByEnv(s *compose.Service) bool {
	for _, k := range bindVars {
		if _, ok := s.EnvVar(k); ok {
			return true
		}
	}
	return false
}

func evalBindHost(h *checks.Host) []checks.Finding {
	if p := h.Part(checks.NeedContainers); !p.Known {
		return []checks.Finding{checks.Unsure("", p.Why())}
	}
	var out []checks.Finding
	for _, k := range h.Containers.Value {
		if k.State != "running" || k.NetMode == "host" || !k.Inspected {
			continue
		}
		published := ""
		for _, p := range k.Ports {
			if p.HostPort != 0 {
				published = fmt.Sprintf("%d->%d", p.HostPort, p.ContainerPort)
			}
		}
		told := false
		for _, n := range k.EnvNames {
			for _, v := range bindVars {
				told = told || n == v
			}
		}
		server, addr := listensAt(k.Command)
		if published == "" || told || addr == "" || !loopbackAddr(addr) {
			continue
		}
		f := h.Find("container "+k.Name, checks.NeedContainers, fmt.Sprintf("%s: %s; published %s", k.Name, strings.Join(k.Command, " "), published))
		f.Title = fmt.Sprintf("%s of %s listens on %s, and %s is published", server, k.Name, addr, published)
		out = append(out, f)
	}
	return out
}
