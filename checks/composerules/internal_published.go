package composerules

import (
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"

	"midwatch/checks"
	"midwatch/checks/compose"
)

func internalPublished() checks.Check {
	return checks.Check{
		ID:       "internal-service-published",
		Title:    "a data store or an admin port is published on every address",
		Area:     checks.AreaPorts,
		Severity: checks.Warning,
		Why: "Everybody who reaches the machine reaches this port. Docker forwards published ports before ufw and firewalld look at the packet, so a " +
			"host firewall that seems to block it does not.",
		Fix:       "Drop ports: where only other containers need it; else bind it to this machine: \"127.0.0.1:PORT:PORT\"",
		Verify:    "from another machine: nc -vz HOST PORT is refused",
		Sources:   []string{"https://docs.docker.com/engine/network/packet-filtering-firewalls/"},
		Diagnoses: []string{"exposed-internal-port"},
		Eval:      checks.OnCompose(evalInternalPublished),
	}
}

// kept are ports that only operators and other services have business with, by their number inside the
// container: data stores, queues, metrics, traces, admin interfaces. 3000, 8080 and the like are
// everybody's and are judged by the image only.
var kept = []int{
	1433, 2181, 2375, 2379, 2380, 3306, 4222, 4317, 4318, 5432, 5601, 5671, 5672, 6333, 6334, 6379, 7000, 7233,
	8086, 8123, 8222, 8300, 8400, 8500, 8600, 9000, 9001, 9042, 9090, 9093, 9094, 9100, 9200, 9300, 9411, 9901,
	11211, 14250, 14268, 15672, 15692, 16686, 19530, 26257, 27017, 28015, 33060,
}

// publicOn are images whose port of such a number is what they are for.
var publicOn = regexp.MustCompile(`(?i)(^|/)(portainer|sonarqube|php-?fpm|cockpit|registry|synapse)`)

// tools are images that no visitor is meant to reach, whatever their port.
var tools = regexp.MustCompile(`(?i)(^|/|-|_)(prometheus|alertmanager|pushgateway|blackbox|node-exporter|[a-z0-9_-]+[_-]exporter|cadvisor|loki|promtail|tempo|jaeger|all-in-one|zipkin|` +
	`otel|opentelemetry-collector[a-z-]*|kibana|opensearch-dashboards|consul|vault|etcd|zookeeper|temporal[a-z-]*|temporalio/[a-z-]+|` +
	`text-embeddings-inference|tei|docker-socket-proxy|dind)($|[:@/]|-(cpu|gpu|server|ui))`)

func evalInternalPublished(c *checks.Compose) []checks.Finding {
	var out []checks.Finding
	for _, s := range c.Project.Services {
		seen := map[string]bool{}
		for _, p := range s.Ports {
			why, store := internalPort(s, p)
			if why == "" || !everywhere(p.HostIP) || seen[p.String()] {
				continue
			}
			seen[p.String()] = true
			f := c.At(p.Pos, "service "+s.Name)
			f.Title = fmt.Sprintf("%s (%s) is published on every address", p, why)
			f.Key = p.String()
			switch {
			case len(s.Profiles) > 0 && c.Deployed == nil:
				f.Severity = checks.Info // only with its profile
			case store && !hasPassword(s):
				f.Severity = checks.Error
			}
			out = append(out, f)
		}
	}
	return out
}

// internalPort says what a port is, "" when it may well be meant for everybody.
func internalPort(s *compose.Service, p compose.Port) (why string, store bool) {
	image := imageName(s)
	switch {
	case isKong(image):
		// 8000 and 8443 are the proxy; the rest administers it.
		if slices.Contains([]int{8001, 8444, 8002, 8445, 8003, 8446}, p.Target) {
			return "Kong's admin interface", false
		}
		return "", false
	case tools.MatchString(imagePath(s)):
		return "for operators", false
	case isDatastore(s):
		return "a data store", true
	case publicOn.MatchString(image):
		return "", false
	case slices.Contains(kept, p.Target):
		// 9000 and 9090 are also what people give their own application.
		if ambiguous(p.Target) && (s.Build != nil || s.Image == nil) {
			return "", false
		}
		return "a port of data stores or of operators", false
	}
	return "", false
}

func ambiguous(port int) bool { return slices.Contains([]int{7000, 8123, 9000, 9001, 9090}, port) }

func isKong(image string) bool { return image == "kong" || strings.HasPrefix(image, "kong-") }

// imageName is the last part of the image's name without tag, or what the service is called where the
// name is a variable.
func imageName(s *compose.Service) string {
	if s.Image == nil || s.Image.Str() == "" {
		return s.Name
	}
	name, _ := cutTag(strings.Split(s.Image.Str(), "@")[0])
	return strings.ToLower(path.Base(name))
}

// everywhere reports an address that other machines reach: none, a wildcard, or one that is not
// loopback.
func everywhere(ip string) bool {
	if ip == "" {
		return true
	}
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return ip != "localhost"
	}
	return !a.IsLoopback()
}

// hasPassword reports a store that is told to ask for one.
func hasPassword(s *compose.Service) bool {
	for _, e := range s.Env {
		k := strings.ToUpper(e.Key)
		if strings.Contains(k, "PASSWORD") && !strings.Contains(k, "ALLOW_EMPTY") || strings.HasSuffix(k, "_AUTH") || strings.HasSuffix(k, "API_KEY") {
			return true
		}
	}
	words := strings.Join(append(s.Words("command"), s.Words("entrypoint")...), " ")
	return strings.Contains(words, "--requirepass") || strings.Contains(words, "--auth")
}
