package composerules

import (
	"regexp"
	"slices"
	"strings"

	"midwatch/checks"
	"midwatch/checks/compose"
	"midwatch/hosts"
)

func loopbackDefault() checks.Check {
	return checks.Check{
		ID:       "loopback-default-in-container",
		Title:    "a container looks for another service in itself",
		Area:     checks.AreaContainer,
		Severity: checks.Warning,
		Why: "127.0.0.1 inside a container is the container. The connection is refused, whatever runs next to it. Some libraries go there by themselves when " +
			"they are told nothing: Temporal's to 127.0.0.1:7233.",
		Fix:       "Set the address to the name of the service, and see that the program really uses the variable.",
		Verify:    "docker logs CONTAINER shows no ECONNREFUSED 127.0.0.1; the connection is in ss -tn of its namespace",
		Sources:   []string{"https://docs.docker.com/compose/how-tos/networking/", "https://docs.temporal.io/develop/typescript/temporal-client"},
		Diagnoses: []string{"loopback-in-container"},
		Eval:      checks.AnyOf(checks.OnCompose(evalLoopback), checks.OnHost(spokenLoopback)),
	}
}

// toLoopback finds an address of this machine with a port, in a URL or alone.
var toLoopback = regexp.MustCompile(`(?i)(?:^|[/@=,\s])(localhost|127\.0\.0\.1|\[::1\]|::1)(?::([0-9]{2,5}))?(?:[/,?\s]|$)`)

// forBrowsers are names of variables whose value is used outside the container, and of addresses it
// listens on itself.
var forBrowsers = regexp.MustCompile(`(?i)(PUBLIC|BROWSER|EXTERNAL|FRONTEND|WEB_?URL|SITE|(^|_)BASE_?URL|ROOT_?URL|APP_?URL|ORIGIN|CORS|ALLOWED|REDIRECT|CALLBACK|ISSUER|TRUSTED|NO_PROXY|HEALTH|LISTEN|BIND|ADVERTI[SZ]E|WEBHOOK|DOMAIN|DNS|LINKS?$|VITE_|REACT_APP|NUXT_|NEXT_)`)

// forServices are names of variables that say where a program connects to.
var forServices = regexp.MustCompile(`(?i)(DATABASE|_DB|^DB|REDIS|POSTGRES|^PG|MYSQL|MARIADB|MONGO|AMQP|RABBIT|KAFKA|NATS|TEMPORAL|ELASTIC|OPENSEARCH|QDRANT|MINIO|S3|OLLAMA|OTEL|BACKEND|API|BROKER|CELERY|MEMCACHE|SMTP|UPSTREAM|SERVICE|ENDPOINT|ADDRESS|ADDR|HOST|SERVER|URL|URI)`)

func evalLoopback(c *checks.Compose) []checks.Finding {
	var out []checks.Finding
	for _, s := range c.Project.Services {
		if s.NetworkMode != "" && s.NetworkMode != "bridge" {
			continue // it shares a network with the host or with another service
		}
		for _, e := range s.Env {
			port, ok := loopbackTarget(e)
			if !ok || listensOn(s, port) || ownName(s, e.Key) {
				continue
			}
			f := c.At(e.Pos, "service "+s.Name)
			f.Title = e.Key + " of " + s.Name + " points into the container itself"
			f.Key = e.Key
			if other := publisher(c.Project, s, port); other != "" {
				f.Fix = "Use the name of the service: " + other + ":" + port + "."
				f.Severity = checks.Error
			}
			out = append(out, f)
		}
	}
	return append(out, temporalDefault(c)...)
}

func loopbackTarget(e compose.Env) (port string, ok bool) {
	if forBrowsers.MatchString(e.Key) || !forServices.MatchString(e.Key) {
		return "", false
	}
	m := toLoopback.FindStringSubmatch(e.Value)
	if m == nil {
		return "", false
	}
	// Without a port it is where something listens, or the address people are told.
	if m[2] == "" {
		return "", false
	}
	return m[2], true
}

// ownName reports NAME_URL of a service whose image is NAME: how it is reached itself.
func ownName(s *compose.Service, key string) bool {
	name, ok := strings.CutSuffix(strings.ToLower(key), "_url")
	return ok && len(name) > 2 && strings.Contains(imagePath(s), name)
}

// listensOn reports that the container offers the port itself.
func listensOn(s *compose.Service, port string) bool {
	if port == "" {
		return false
	}
	for _, p := range s.Ports {
		if itoa(p.Target) == port {
			return true
		}
	}
	for _, x := range s.Root.Get("expose").Strs() {
		if strings.HasPrefix(x, port) {
			return true
		}
	}
	if p, ok := s.EnvVar("PORT"); ok && p.Value == port {
		return true
	}
	return slices.ContainsFunc(append(s.Words("command"), s.Words("healthcheck")...), func(w string) bool { return strings.Contains(w, port) })
}

// wellKnown are the ports that services of a project have without saying so.
var wellKnown = map[string]*regexp.Regexp{
	"5432": regexp.MustCompile(`(?i)postg`), "3306": regexp.MustCompile(`(?i)(mysql|maria)`), "6379": regexp.MustCompile(`(?i)(redis|valkey|keydb)`),
	"27017": regexp.MustCompile(`(?i)mongo`), "5672": regexp.MustCompile(`(?i)rabbit`), "7233": regexp.MustCompile(`(?i)temporal`),
	"9200": regexp.MustCompile(`(?i)(elastic|opensearch)`), "11434": regexp.MustCompile(`(?i)ollama`), "6333": regexp.MustCompile(`(?i)qdrant`),
	"4317": regexp.MustCompile(`(?i)(otel|opentelemetry|jaeger)`), "9092": regexp.MustCompile(`(?i)kafka`), "4222": regexp.MustCompile(`(?i)nats`),
}

// publisher is another service of the project that has the port.
func publisher(p *compose.Project, self *compose.Service, port string) string {
	for _, s := range p.Services {
		if s == self {
			continue
		}
		for _, x := range s.Ports {
			if itoa(x.Target) == port {
				return s.Name
			}
		}
		if re := wellKnown[port]; re != nil && re.MatchString(imagePath(s)) {
			return s.Name
		}
	}
	return ""
}

// temporalDefault finds workers beside a Temporal server that are not told where it is.
func temporalDefault(c *checks.Compose) []checks.Finding {
	server := ""
	for _, s := range c.Project.Services {
		if name := imagePath(s); strings.HasSuffix(name, "temporalio/auto-setup") || strings.HasSuffix(name, "temporalio/server") || strings.HasSuffix(name, "temporalio/temporal") {
			server = s.Name
		}
	}
	if server == "" {
		return nil
	}
	var out []checks.Finding
	for _, s := range c.Project.Services {
		if !strings.Contains(strings.ToLower(s.Name), "worker") || s.Root.Has("env_file") || s.NetworkMode != "" || !dependsOn(s, server) {
			continue
		}
		told := false
		for _, e := range s.Env {
			told = told || strings.Contains(strings.ToUpper(e.Key), "TEMPORAL") || strings.Contains(e.Value, server+":")
		}
		if told {
			continue
		}
		f := c.At(s.Pos, "service "+s.Name)
		f.Title = s.Name + " is not told where Temporal is, and its library goes to 127.0.0.1:7233"
		f.Key = "temporal"
		out = append(out, f)
	}
	return out
}

func dependsOn(s *compose.Service, name string) bool {
	return slices.ContainsFunc(s.DependsOn, func(d compose.Dependency) bool { return d.Service == name })
}

// spokenLoopback are containers whose logs say that they were refused by themselves: the proof.
func spokenLoopback(h *checks.Host) []checks.Finding {
	if !h.Part(checks.NeedLogs).Known {
		return []checks.Finding{checks.Unsure("containers", h.Part(checks.NeedLogs).Why())}
	}
	var out []checks.Finding
	for _, s := range h.LogSymptoms("loopback-refused") {
		c := h.Container(s.Source.Name)
		if s.Source.Kind != hosts.LogContainer || c != nil && c.NetMode == "host" {
			continue
		}
		f := h.Spoken(s)
		f.Title = s.Source.Name + " looks for a service inside itself and is refused"
		f.Severity = checks.Error
		out = append(out, f)
	}
	return out
}
