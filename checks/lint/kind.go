package lint

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Kind is what a file is.
type Kind string

// The kinds of files that can be judged.
const (
	KindUnknown Kind = ""
	KindNginx   Kind = "nginx"
	KindCompose Kind = "compose"
	KindEnvoy   Kind = "envoy"
)

var (
	// nginxLine is a line that opens a block of nginx or ends a directive.
	nginxLine = regexp.MustCompile(`(?m)^\s*(server|http|events|stream|upstream\s+\S+|location\s+.+|map\s+\S+\s+\S+|geo\s+.+|types|if\s*\(.*\))\s*\{|^\s*[a-z_]+(\s+[^;{}#]+)?;`)
	// yamlKey is a key of YAML at the start of a line, as a compose file has at its top.
	yamlKey = regexp.MustCompile(`(?m)^(services|version|volumes|networks|x-[\w-]+|name|include|configs|secrets)\s*:`)
)

// Detect tells what a file is by its content. A compose file that is no valid YAML is still one when
// it looks like one, so that its fault is told and not its kind.
func Detect(text []byte) Kind {
	trimmed := bytes.TrimLeft(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")), " \t\r\n")
	if len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[') {
		return detectJSON(trimmed)
	}
	s := string(text)
	if strings.HasPrefix(s, "# configuration file ") || strings.Contains(s, "\n# configuration file ") {
		return KindNginx
	}
	directives := len(nginxLine.FindAllStringIndex(s, 20))
	if yamlKey.MatchString(s) && directives < 3 {
		return KindCompose
	}
	if directives > 0 {
		return KindNginx
	}
	if topIsServices(text) {
		return KindCompose
	}
	return KindUnknown
}

// topIsServices recognizes a compose file of the first version, whose services stand at the top.
func topIsServices(text []byte) bool {
	var top map[string]struct {
		Image string `yaml:"image"`
		Build any    `yaml:"build"`
	}
	if yaml.Unmarshal(text, &top) != nil {
		return false
	}
	for _, s := range top {
		if s.Image != "" || s.Build != nil {
			return true
		}
	}
	return false
}

// envoyKeys are keys at the top of what Envoy's admin pages and tools around it print.
var envoyKeys = []string{"configs", "config_dump", "configDump", "static_resources", "listeners", "clusters", "xds", "bootstrap", "dynamic_listeners", "cluster_statuses", "listener_statuses"}

func detectJSON(text []byte) Kind {
	var top map[string]json.RawMessage
	if json.Unmarshal(text, &top) == nil {
		if _, ok := top["services"]; ok {
			return KindCompose
		}
	}
	s := string(text)
	for _, k := range envoyKeys {
		if strings.Contains(s, `"`+k+`"`) {
			return KindEnvoy
		}
	}
	if strings.Contains(s, "type.googleapis.com/envoy") {
		return KindEnvoy
	}
	return KindUnknown
}
