package step

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"midwatch/hosts"
)

func (composeKind) Plan(ctx context.Context, e *Env) (Change, error) {
	x, err := compOf(e)
	if err != nil {
		return Change{}, err
	}
	p, err := x.project(ctx)
	var f *failure
	if errors.As(err, &f) && strings.Contains(string(f.res.Stderr), "no such file or directory") {
		return Change{
			Lines: []string{"? " + string(x.s.Project) + ": its files are not all on the host yet: " + lastLine(f.res.Stderr)}, Unknown: true,
			Back: BackReversible, BackLines: []string{"what ran before runs again"}, Saw: "no files",
		}, nil
	}
	if err != nil {
		return Change{}, err
	}
	c := Change{Back: BackReversible, Nothing: true}
	for _, s := range p.services {
		c.Saw += fmt.Sprintln(s.Name, s.Image, p.images[s.Image], p.hashes[s.Name])
		for _, k := range p.of(s.Name) {
			c.Saw += fmt.Sprintln(k.Name, k.ID, k.Image)
		}
		line := x.planService(p, s)
		if line == "" {
			continue
		}
		c.Nothing = false
		c.Lines = append(c.Lines, line)
	}
	if c.Nothing {
		c.Lines, c.Back = []string{string(x.s.Project) + ": as it is wanted"}, BackNone
		return c, nil
	}
	rec := composeRecord{Op: x.s.Op, Refs: map[string]string{}, Containers: p.containers}
	for _, s := range p.services {
		rec.Services = append(rec.Services, s.Name)
		if x.names(s) {
			rec.Refs[s.Image] = p.images[s.Image]
		}
	}
	c.BackLines = rec.backLines()
	if x.s.Op == "up" {
		c.Takes = x.wish(p).stable
		if d, ok := x.dryRun(ctx, p); ok {
			c.Detail = append(c.Detail, d)
		}
	}
	c.Detail = append(c.Detail, Detail{Title: "merged configuration", Text: p.listing()})
	return c, nil
}

// planService is what the step does to a service, "" nothing.
func (x comp) planService(p project, s compService) string {
	has := either(shortID(p.images[s.Image]), "none")
	switch x.s.Op {
	case "pull":
		if s.Builds {
			return ""
		}
		return fmt.Sprintf("? pull %s: %s → what the registry has", hosts.CleanLine(s.Image), has)
	case "build":
		if !s.Builds {
			return ""
		}
		return fmt.Sprintf("? build %s: image %s → ‹built›", hosts.CleanLine(s.Image), has)
	case "stop":
		if slices.ContainsFunc(p.of(s.Name), func(c compContainer) bool { return c.State == "running" }) {
			return "- stop " + s.Name
		}
		return ""
	}
	return x.planUp(p, s)
}

// planUp is what up does to a service: what compose compares is the image, and the hash of the configuration.
func (x comp) planUp(p project, s compService) string {
	mine := p.of(s.Name)
	id := p.images[s.Image]
	if len(mine) == 0 {
		return fmt.Sprintf("+ create %s from %s", s.Name, hosts.CleanLine(s.Image))
	}
	c := mine[0]
	var why []string
	switch {
	case s.Builds && !x.s.NoBuild:
		why = append(why, "image "+shortID(c.Image)+" → ‹built›")
	case id == "":
		why = append(why, "image "+shortID(c.Image)+" → "+hosts.CleanLine(s.Image)+", which is not there yet")
	case id != c.Image:
		why = append(why, "image "+shortID(c.Image)+" → "+shortID(id))
	}
	if h := p.hashes[s.Name]; h != "" && h != c.Hash {
		why = append(why, "another configuration"+envDiff(c.Env, s.EnvKeys))
	}
	if n := x.s.Scale[s.Name]; n > 0 && n != len(mine) {
		why = append(why, fmt.Sprintf("%d → %d containers", len(mine), n))
	}
	switch {
	case len(why) > 0:
		return "~ recreate " + s.Name + ": " + strings.Join(why, ", ")
	case s.Builds && x.s.Op == "up":
		return fmt.Sprintf("? recreate %s if a step before builds or changes it: image %s → ‹built›", s.Name, shortID(c.Image))
	case c.State != "running" && s.Job:
		return "~ run " + s.Name + " again, a job"
	case c.State != "running":
		return "~ start " + s.Name + ", which is " + c.State
	}
	return ""
}

// envDiff are the names of variables that the configuration has and the container lacks. A container has more
// of them than its configuration, from its image.
func envDiff(has, wanted []string) string {
	var out []string
	for _, n := range wanted {
		if !slices.Contains(has, n) {
			out = append(out, "+"+hosts.CleanLine(n))
		}
	}
	if len(out) == 0 {
		return ""
	}
	return " (environment " + strings.Join(out, " ") + ")"
}

// listing is the merged configuration for people, without values that may be secret.
func (p project) listing() string {
	var out []string
	for _, s := range p.services {
		line := s.Name + ": image " + hosts.CleanLine(s.Image) + ", hash " + shortID(p.hashes[s.Name])
		for _, c := range p.of(s.Name) {
			line += fmt.Sprintf("; %s runs %s with hash %s, %s", c.Name, shortID(c.Image), shortID(c.Hash), c.State)
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// dryRun is what compose itself says it would do. It is not asked while images are missing: it would look for
// them in registries.
func (x comp) dryRun(ctx context.Context, p project) (Detail, bool) {
	for _, s := range p.services {
		if p.images[s.Image] == "" {
			return Detail{}, false
		}
	}
	r, err := x.m.run(ctx, nil, x.argv(nil, append([]string{"--dry-run", "up", "-d", "--no-build"}, texts(x.s.Services)...)...)...)
	if err != nil || r.Exit != 0 {
		return Detail{}, false
	}
	var out []string
	for line := range strings.Lines(string(r.Stdout) + string(r.Stderr)) {
		if _, text, ok := strings.Cut(line, "DRY-RUN MODE -"); ok {
			out = append(out, hosts.CleanLine(strings.TrimSpace(text)))
		}
	}
	return Detail{Title: "docker compose --dry-run up", Text: strings.Join(out, "\n")}, len(out) > 0
}
