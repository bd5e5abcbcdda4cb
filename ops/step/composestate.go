package step

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/redact"
)

// compContainer is a container of a compose project.
type compContainer struct {
	ID       string            `json:"id"`
	Name     string            `json:"name"`
	Service  string            `json:"service"`
	Image    string            `json:"image"` // id, "sha256:…"
	Ref      string            `json:"ref"`   // as it was asked for
	Digests  []string          `json:"digests,omitempty"`
	Hash     string            `json:"hash,omitempty"` // of its configuration, as compose has it
	State    string            `json:"state"`
	Health   string            `json:"health,omitempty"`
	Exit     int               `json:"exit,omitempty"`
	OOM      bool              `json:"oom,omitempty"`
	Restarts int               `json:"restarts,omitempty"`
	Started  time.Time         `json:"started,omitzero"`
	Finished time.Time         `json:"finished,omitzero"`
	Env      []string          `json:"env,omitempty"` // names
	Networks []string          `json:"networks,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"` // those of compose
}

// wireContainer is what docker inspect says of a container, as far as it is wanted.
type wireContainer struct {
	ID           string `json:"Id"`
	Name         string
	Image        string
	RestartCount int
	State        struct {
		Status                string
		ExitCode              int
		OOMKilled             bool
		StartedAt, FinishedAt time.Time
		Health                *struct{ Status string }
	}
	Config struct {
		Image  string
		Env    []string
		Labels map[string]string
	}
	NetworkSettings struct{ Networks map[string]json.RawMessage }
}

const composeLabel = "com.docker.compose."

// parseContainers reads the output of docker inspect. Values of the environment are dropped here.
func parseContainers(doc []byte) ([]compContainer, error) {
	var list []wireContainer
	if err := json.Unmarshal(doc, &list); err != nil {
		return nil, errors.New("docker inspect: the answer cannot be read")
	}
	out := []compContainer{}
	for _, w := range list {
		c := compContainer{
			ID: w.ID, Name: strings.TrimPrefix(w.Name, "/"), Service: w.Config.Labels[composeLabel+"service"], Image: w.Image,
			Ref: w.Config.Image, Hash: w.Config.Labels[composeLabel+"config-hash"], State: w.State.Status, Exit: w.State.ExitCode,
			OOM: w.State.OOMKilled, Restarts: w.RestartCount, Started: w.State.StartedAt, Finished: w.State.FinishedAt,
			Networks: sortedKeys(w.NetworkSettings.Networks), Labels: map[string]string{},
		}
		if w.State.Health != nil {
			c.Health = w.State.Health.Status
		}
		for _, e := range w.Config.Env {
			name, _, _ := strings.Cut(e, "=")
			c.Env = append(c.Env, name)
		}
		for k, v := range w.Config.Labels {
			if strings.HasPrefix(k, composeLabel) {
				c.Labels[k] = redact.Label(k, v)
			}
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b compContainer) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// compService is a service of a merged configuration.
type compService struct {
	Name    string
	Image   string // reference of the image it runs, also of one that is built
	Builds  bool
	EnvKeys []string
	Job     bool // others wait until it has ended well
}

// parseConfig reads the output of docker compose config --format json.
func parseConfig(doc []byte) ([]compService, error) {
	var w struct {
		Name     string
		Services map[string]struct {
			Image       string
			Build       json.RawMessage
			Environment map[string]json.RawMessage
			DependsOn   map[string]struct{ Condition string } `json:"depends_on"`
		}
	}
	if err := json.Unmarshal(doc, &w); err != nil {
		return nil, errors.New("docker compose config: the answer cannot be read")
	}
	jobs := map[string]bool{}
	out := []compService{}
	for _, name := range sortedKeys(w.Services) {
		s := w.Services[name]
		c := compService{Name: name, Image: s.Image, Builds: len(s.Build) > 0 && string(s.Build) != "null", EnvKeys: sortedKeys(s.Environment)}
		if c.Image == "" {
			c.Image = w.Name + "-" + name
		}
		for on, d := range s.DependsOn {
			jobs[on] = jobs[on] || d.Condition == "service_completed_successfully"
		}
		out = append(out, c)
	}
	for i := range out {
		out[i].Job = jobs[out[i].Name]
	}
	return out, nil
}

// maskConfig is a merged configuration without values that may be secret: those of environments and build
// arguments, of labels and options whose name says so, and what looks like one.
func maskConfig(doc []byte) []byte {
	var v any
	if json.Unmarshal(doc, &v) != nil {
		return []byte("{}")
	}
	out, err := json.Marshal(maskValue("", v))
	if err != nil {
		return []byte("{}")
	}
	return out
}

func maskValue(key string, v any) any {
	switch v := v.(type) {
	case string:
		return redact.Text(v)
	case []any:
		if key == "command" || key == "entrypoint" || key == "test" {
			return maskArgs(v)
		}
		for i := range v {
			v[i] = maskValue(key, v[i])
		}
	case map[string]any:
		for k, e := range v {
			text, isText := e.(string)
			switch {
			case key == "environment" || key == "args" || k == "content":
				v[k] = hosts.Dots
			case isText && (key == "labels" || redact.Name(k)):
				v[k] = redact.Label(k, text)
			default:
				v[k] = maskValue(k, e)
			}
		}
	}
	return v
}

func maskArgs(v []any) any {
	args := make([]string, len(v))
	for i, a := range v {
		args[i], _ = a.(string)
	}
	return redact.Args(args)
}

// parseHashes reads "service hash" lines.
func parseHashes(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) == 2 {
			out[f[0]] = f[1]
		}
	}
	return out
}

// repoOf is an image reference without tag and digest; "" of a bare id.
func repoOf(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	if strings.HasPrefix(ref, "sha256:") || ref == "" {
		return ""
	}
	if i := strings.LastIndexByte(ref, ':'); i > strings.LastIndexByte(ref, '/') {
		ref = ref[:i]
	}
	return ref
}

// undoTagPrefix begins the tag that keeps an image for the way back; the id of the run follows, and where one
// repository has several of them, a dot and the service.
const undoTagPrefix = "midwatch-undo-"

// undoTags gives each service the tag that its image is kept under. images is service → image id, refs is
// service → reference. Services with the same image share a tag.
func undoTags(run, project string, images, refs map[string]string) map[string]string {
	out, taken := map[string]string{}, map[string]string{}
	for _, s := range sortedKeys(images) {
		repo := repoOf(refs[s])
		if repo == "" {
			repo = "midwatch/" + strings.ToLower(plainName(project+"-"+s))
		}
		tag := repo + ":" + undoTagPrefix + plainName(run)
		if id, ok := taken[tag]; ok && id != images[s] {
			tag += "." + plainName(s)
		}
		taken[tag], out[s] = images[s], tag
	}
	return out
}

// pinFile is the override that makes services run exactly the images that tags name: nothing is pulled, and
// nothing is built, which would put new code under the old name.
func pinFile(tags map[string]string) string {
	var b strings.Builder
	b.WriteString("services:\n")
	for _, s := range sortedKeys(tags) {
		fmt.Fprintf(&b, "  %q:\n    image: %q\n    build: !reset null\n    pull_policy: never\n", s, tags[s])
	}
	return b.String()
}

// shortID is an image or container id for people.
func shortID(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(12, len(id))]
}
