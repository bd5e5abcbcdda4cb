package step

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"midwatch/hosts"
	"midwatch/ops/deploy"
)

// composeKind works on a compose project with the host's own docker compose ("compose"). What a service ran
// is kept under a tag before anything is built, and that tag is what the way back runs.
type composeKind struct{}

// composeRecord is what was there before.
type composeRecord struct {
	Op         string            `json:"op"`
	Run        string            `json:"run"` // whose tags these are
	Containers []compContainer   `json:"containers"`
	Tags       map[string]string `json:"tags,omitempty"` // service → tag its running image is kept under
	Refs       map[string]string `json:"refs,omitempty"` // reference → image id before; "" there was none
	RefTags    map[string]string `json:"ref_tags,omitempty"`
	Files      map[string]string `json:"files,omitempty"` // compose and env files → SHA-256
	Services   []string          `json:"services"`        // that the step is about
}

// Blobs of a compose step.
const (
	blobConfig = "compose-config.json" // merged configuration, without secrets
	blobPin    = "compose-pin.yml"
	blobUpped  = "compose-up.json" // the containers after it
)

// Class lets a job that was started be found again.
func (composeKind) Class(settings any) Class {
	if s, ok := settings.(*deploy.Compose); ok && s.Op == "stop" {
		return Repeat
	}
	return Reattach
}

// Late reports that containers are made again from files that other steps put back.
func (composeKind) Late(settings any) bool {
	s, ok := settings.(*deploy.Compose)
	return ok && (s.Op == "up" || s.Op == "stop")
}

// comp is one compose project on one host.
type comp struct {
	e *Env
	m machine
	s *deploy.Compose
}

func compOf(e *Env) (comp, error) {
	s, err := settings[deploy.Compose](e)
	if err != nil {
		return comp{}, err
	}
	m := login(e)
	m.sudo = s.Sudo && e.Sudo
	return comp{e, m, s}, nil
}

// files are the paths of the compose files on the host.
func (x comp) files() []string { return x.paths(x.s.Files) }

func (x comp) paths(in []deploy.Text) []string {
	out := make([]string, len(in))
	for i, f := range in {
		out[i] = string(f)
		if !path.IsAbs(out[i]) && x.s.ProjectDir != "" {
			out[i] = path.Join(string(x.s.ProjectDir), out[i])
		}
	}
	return out
}

// argv is docker compose on the project, with files after its own.
func (x comp) argv(more []string, args ...string) []string {
	out := []string{"docker", "compose", "--ansi", "never", "-p", string(x.s.Project)}
	if x.s.ProjectDir != "" {
		out = append(out, "--project-directory", string(x.s.ProjectDir))
	}
	for _, f := range append(x.files(), more...) {
		out = append(out, "-f", f)
	}
	for _, f := range x.paths(x.s.EnvFiles) {
		out = append(out, "--env-file", f)
	}
	for _, p := range x.s.Profiles {
		out = append(out, "--profile", string(p))
	}
	return append(out, args...)
}

// compose runs docker compose and returns what it printed.
func (x comp) compose(ctx context.Context, what string, args ...string) (string, error) {
	out, err := x.m.must(ctx, "docker compose "+what, x.argv(nil, args...)...)
	return out, x.known(err)
}

// known makes refusals of what has one clear answer.
func (x comp) known(err error) error {
	var f *failure
	if !errors.As(err, &f) {
		return err
	}
	text := string(f.res.Stderr)
	switch {
	case f.res.Exit == 127, strings.Contains(text, "'compose' is not a docker command"), strings.Contains(text, "unknown shorthand flag"):
		return &refusal{x.m.name + ": docker compose is not there: install its plugin, 2.24.4 or newer", err}
	case strings.Contains(text, "permission denied") && strings.Contains(text, "docker"):
		return &refusal{x.m.name + ": the login may not use docker: add it to the group docker, or set sudo in the step", err}
	case strings.Contains(text, "Cannot connect to the Docker daemon"):
		return &refusal{x.m.name + ": the Docker Engine does not answer: start it first", err}
	}
	return err
}

// project is the merged configuration and what runs of it.
type project struct {
	services   []compService
	config     []byte
	hashes     map[string]string
	containers []compContainer
	images     map[string]string // reference → id, of the services; "" not there
}

const scriptContainers = `ids=$(docker ps -aq --no-trunc --filter "label=com.docker.compose.project=$1" --filter label=com.docker.compose.oneoff=False) || exit 1
if [ -z "$ids" ]; then echo '[]'; else docker inspect $ids; fi`

// scriptImages prints a line per reference: the id, or nothing.
const scriptImages = `for r in "$@"; do docker image inspect --format '{{.Id}}' -- "$r" 2>/dev/null || echo; done`

// containers are those of the project, whatever the files say.
func (x comp) containers(ctx context.Context) ([]compContainer, error) {
	out, err := x.m.script(ctx, "look at the containers of "+string(x.s.Project), nil, scriptContainers, string(x.s.Project))
	if err != nil {
		return nil, x.known(err)
	}
	return parseContainers([]byte(out))
}

func (x comp) images(ctx context.Context, refs []string) (map[string]string, error) {
	out := map[string]string{}
	if len(refs) == 0 {
		return out, nil
	}
	text, err := x.m.script(ctx, "look at images", nil, scriptImages, refs...)
	if err != nil {
		return nil, x.known(err)
	}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if i < len(refs) {
			out[refs[i]] = strings.TrimSpace(line)
		}
	}
	return out, nil
}

func (x comp) project(ctx context.Context) (p project, err error) {
	config, err := x.compose(ctx, "config", "config", "--format", "json")
	if err != nil {
		return p, err
	}
	p.config = []byte(config)
	if p.services, err = parseConfig(p.config); err != nil {
		return p, fmt.Errorf("%s: %w", x.m.name, err)
	}
	if err := x.choose(&p); err != nil {
		return p, err
	}
	hashes, err := x.compose(ctx, "config --hash", "config", "--hash", "*")
	if err != nil {
		return p, err
	}
	p.hashes = parseHashes(hashes)
	if p.containers, err = x.containers(ctx); err != nil {
		return p, err
	}
	var refs []string
	for _, s := range p.services {
		refs = append(refs, s.Image)
	}
	p.images, err = x.images(ctx, refs)
	return p, err
}

// choose leaves the services of the step, and says which are jobs.
func (x comp) choose(p *project) error {
	named := texts(x.s.Services)
	for _, n := range append(append(slices.Clone(named), texts(x.s.Jobs)...), texts(x.s.Ready.Services)...) {
		if !slices.ContainsFunc(p.services, func(s compService) bool { return s.Name == n }) {
			return refused("%s: the compose files have no service %q", x.m.name, hosts.CleanLine(n))
		}
	}
	for i := range p.services {
		p.services[i].Job = p.services[i].Job || slices.Contains(texts(x.s.Jobs), p.services[i].Name)
	}
	if len(named) > 0 {
		p.services = slices.DeleteFunc(p.services, func(s compService) bool { return !slices.Contains(named, s.Name) })
	}
	return nil
}

func (p project) of(service string) (out []compContainer) {
	for _, c := range p.containers {
		if c.Service == service {
			out = append(out, c)
		}
	}
	return out
}

// names reports that the step may give the image of a service to another one.
func (x comp) names(s compService) bool {
	return x.s.Op == "pull" && !s.Builds || x.s.Op == "build" && s.Builds || x.s.Op == "up" && !x.s.NoBuild && s.Builds
}

// version is that of the compose plugin.
func (x comp) version(ctx context.Context) (string, error) {
	out, err := x.m.must(ctx, "docker compose version", "docker", "compose", "version", "--short")
	return strings.TrimSpace(out), x.known(err)
}

// canReset reports a compose that knows "!reset null", 2.24.4 and newer: without it a service that is built
// cannot be pinned to an image.
func canReset(version string) bool {
	want := [3]int{2, 24, 4}
	version, _, _ = strings.Cut(strings.TrimPrefix(version, "v"), "-")
	parts := strings.SplitN(version, ".", 3)
	for i := range want {
		n := 0
		if i < len(parts) {
			digits := strings.IndexFunc(parts[i]+" ", func(r rune) bool { return r < '0' || r > '9' })
			n, _ = strconv.Atoi(parts[i][:digits])
		}
		if n != want[i] {
			return n > want[i]
		}
	}
	return true
}

func (composeKind) Record(ctx context.Context, e *Env) (Undo, error) {
	x, err := compOf(e)
	if err != nil {
		return Undo{}, err
	}
	u := Undo{Kind: "compose", Way: BackReversible}
	p, err := x.project(ctx)
	if err != nil {
		return u, err
	}
	rec := composeRecord{Op: x.s.Op, Run: e.Run, Refs: map[string]string{}, Files: map[string]string{}}
	images, refs := map[string]string{}, map[string]string{}
	for _, s := range p.services {
		rec.Services = append(rec.Services, s.Name)
		if x.names(s) {
			rec.Refs[s.Image] = p.images[s.Image]
		}
		for _, c := range p.of(s.Name) {
			rec.Containers = append(rec.Containers, c)
			images[s.Name], refs[s.Name] = c.Image, c.Ref
		}
	}
	rec.Tags = undoTags(e.Run, string(x.s.Project), images, refs)
	rec.RefTags = refTags(e.Run, rec.Refs, rec.Tags, images)
	for _, f := range append(x.files(), x.paths(x.s.EnvFiles)...) {
		st, err := x.m.lookFile(ctx, f)
		if err != nil {
			return u, err
		}
		rec.Files[f] = st.SHA256
	}
	if rec.Containers, err = x.digests(ctx, rec.Containers); err != nil {
		return u, err
	}
	if err := writeBlob(ctx, e, blobConfig, json.RawMessage(maskConfig(p.config))); err != nil {
		return u, err
	}
	u.Blobs = []string{blobConfig}
	u.Lines = rec.backLines()
	if x.s.Op == "up" {
		v, err := x.version(ctx)
		if err != nil {
			return u, err
		}
		if !canReset(v) {
			u.Way = BackManual
			u.Lines = append([]string{"docker compose " + brief(v) + " cannot be told to run a kept image (2.24.4 can): a person has to go back"}, u.Lines...)
		}
	}
	if x.s.Op == "stop" {
		u.Nothing = !slices.ContainsFunc(rec.Containers, func(c compContainer) bool { return c.State != "exited" && c.State != "created" })
	}
	u.Data = data(rec)
	return u, nil
}

// refTags are the tags that keep images of references which no container runs.
func refTags(run string, refs, tags, images map[string]string) map[string]string {
	kept, taken := map[string]bool{}, map[string]bool{}
	for s, tag := range tags {
		kept[images[s]], taken[tag] = true, true
	}
	out := map[string]string{}
	for _, ref := range sortedKeys(refs) {
		if id := refs[ref]; id != "" && !kept[id] && repoOf(ref) != "" {
			tag := repoOf(ref) + ":" + undoTagPrefix + plainName(run) + ".ref"
			for n := 2; taken[tag]; n++ {
				tag = fmt.Sprintf("%s:%s%s.ref%d", repoOf(ref), undoTagPrefix, plainName(run), n)
			}
			taken[tag], out[ref] = true, tag
		}
	}
	return out
}

// digests adds under which digests a registry has the images.
func (x comp) digests(ctx context.Context, list []compContainer) ([]compContainer, error) {
	if len(list) == 0 {
		return list, nil
	}
	var ids []string
	for _, c := range list {
		ids = append(ids, c.Image)
	}
	out, err := x.m.script(ctx, "look at images", nil,
		`for r in "$@"; do docker image inspect --format '{{join .RepoDigests " "}}' -- "$r" 2>/dev/null || echo; done`, ids...)
	if err != nil {
		return nil, x.known(err)
	}
	for i, line := range strings.Split(strings.TrimSuffix(out, "\n"), "\n") {
		if i < len(list) {
			list[i].Digests = strings.Fields(line)
		}
	}
	return list, nil
}

// backLines say for people what undoing does.
func (r composeRecord) backLines() []string {
	var out []string
	switch r.Op {
	case "pull", "build":
		for _, ref := range sortedKeys(r.Refs) {
			if id := r.Refs[ref]; id != "" {
				out = append(out, hosts.CleanLine(ref)+" names image "+shortID(id)+" again")
			}
		}
		return out
	case "stop":
		return []string{"what was stopped is started again"}
	}
	for _, s := range r.Services {
		var image string
		n := 0
		for _, c := range r.Containers {
			if c.Service == s {
				image, n = c.Image, n+1
			}
		}
		if n == 0 {
			out = append(out, s+" is removed")
		} else {
			out = append(out, s+" runs image "+shortID(image)+" again")
		}
	}
	return out
}
