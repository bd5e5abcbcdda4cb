package step

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"midwatch/hosts"
)

func (composeKind) Act(ctx context.Context, e *Env, u Undo) error {
	if u.Nothing {
		return nil
	}
	x, err := compOf(e)
	if err != nil {
		return err
	}
	rec, err := unpack[composeRecord](u)
	if err != nil {
		return err
	}
	if err := x.keepImages(ctx, rec); err != nil {
		return err
	}
	services := texts(x.s.Services)
	switch x.s.Op {
	case "pull":
		return x.job(ctx, "pull", nil, append([]string{"pull"}, services...))
	case "build":
		return x.job(ctx, "build", nil, append([]string{"build"}, services...))
	case "stop":
		return x.job(ctx, "stop", nil, append([]string{"stop"}, services...))
	}
	args := []string{"up", "-d"}
	if x.s.NoBuild {
		args = append(args, "--no-build")
	}
	for _, s := range sortedKeys(x.s.Scale) {
		args = append(args, "--scale", fmt.Sprintf("%s=%d", s, x.s.Scale[s]))
	}
	return x.job(ctx, "up", nil, append(args, services...))
}

// keepImages tags what runs, and what references name, before anything is built or pulled: a build leaves
// the image before it without a name, and the next clean-up of the host deletes it.
func (x comp) keepImages(ctx context.Context, rec composeRecord) error {
	tags := map[string]string{}
	for _, c := range rec.Containers {
		tags[rec.Tags[c.Service]] = c.Image
	}
	for ref, tag := range rec.RefTags {
		tags[tag] = rec.Refs[ref]
	}
	for _, tag := range sortedKeys(tags) {
		if err := x.tag(ctx, tags[tag], tag); err != nil {
			return err
		}
	}
	return nil
}

func (x comp) tag(ctx context.Context, id, tag string) error {
	if _, err := x.m.must(ctx, "keep image "+shortID(id), "docker", "tag", id, tag); err != nil {
		return fmt.Errorf("%s: image %s cannot be kept as %s: %w", x.m.name, shortID(id), hosts.CleanLine(tag), x.known(err))
	}
	return nil
}

// job runs docker compose detached, so that it ends whatever becomes of the connection.
func (x comp) job(ctx context.Context, name string, more, args []string) error {
	var tail []string
	exit, err := x.e.Jobs.Run(ctx, jobName(x.e, name), Job{Argv: x.argv(more, args...), Dir: string(x.s.ProjectDir), Sudo: x.m.sudo}, func(text string, stderr bool) {
		say(x.e, text, stderr)
		if t := strings.TrimSpace(text); t != "" {
			tail = append(tail[max(0, len(tail)-40):], t)
		}
	})
	if err != nil {
		return err
	}
	if exit == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s: docker compose %s ended with exit %d: %s; the output has the rest", ErrNotDone, x.m.name, args[0], exit, composeFault(tail))
}

// composeFault is the line that says what went wrong: the last that speaks of an error, else the last.
func composeFault(tail []string) string {
	for _, line := range slices.Backward(tail) {
		low := strings.ToLower(line)
		if strings.Contains(low, "no space left") {
			return "disk full: free some space, then try again (" + brief(line) + ")"
		}
		for _, w := range []string{"error", "failed", "denied", "returned a non-zero", "not found", "invalid"} {
			if strings.Contains(low, w) {
				return brief200(line)
			}
		}
	}
	if len(tail) == 0 {
		return "it said nothing"
	}
	return brief200(tail[len(tail)-1])
}

func brief200(s string) string {
	s = hosts.CleanLine(s)
	if r := []rune(s); len(r) > 200 {
		return string(r[:200]) + "…"
	}
	return s
}

// wish is what the services of the project have to be after an up.
func (x comp) wish(p project) upWish {
	w := upWish{image: map[string]string{}, jobs: map[string]bool{}, count: x.s.Scale, stable: orElse(x.s.Ready.StableFor, 10*time.Second)}
	for _, s := range p.services {
		w.image[s.Name], w.jobs[s.Name] = p.images[s.Image], s.Job
	}
	return w
}

func (composeKind) Verify(ctx context.Context, e *Env, u Undo) (Seen, error) {
	x, err := compOf(e)
	if err != nil {
		return Seen{}, err
	}
	rec, err := unpack[composeRecord](u)
	if err != nil {
		return Seen{}, err
	}
	switch x.s.Op {
	case "up":
		return x.upped(ctx, rec)
	case "stop":
		return x.stopped(ctx, rec)
	}
	return x.imagesThere(ctx, rec)
}

// imagesThere wants an image behind every reference, and tells which are others than before.
func (x comp) imagesThere(ctx context.Context, rec composeRecord) (Seen, error) {
	p, err := x.project(ctx)
	if err != nil {
		return Seen{}, err
	}
	out := Seen{OK: true}
	n := 0
	for _, s := range p.services {
		id := p.images[s.Image]
		switch {
		case x.s.Op == "build" && !s.Builds, x.s.Op == "pull" && s.Builds:
			continue
		case id == "":
			return Seen{Line: fmt.Sprintf("%s: image %s of %s is not there after the %s", x.m.name, hosts.CleanLine(s.Image), s.Name, x.s.Op)}, nil
		case id != rec.Refs[s.Image]:
			out.Changed = true
			out.Lines = append(out.Lines, fmt.Sprintf("%s: image %s → %s", s.Name, either(shortID(rec.Refs[s.Image]), "none"), shortID(id)))
		default:
			out.Lines = append(out.Lines, fmt.Sprintf("%s: image %s, as before", s.Name, shortID(id)))
		}
		n++
		x.output("image_id", id)
		x.output("images."+s.Name, id)
	}
	out.Line = fmt.Sprintf("%s: %s", count(n, "image"), strings.Join(out.Lines, ", "))
	if n != 1 {
		out.Line = count(n, "image") + " there"
	}
	return out, nil
}

func (x comp) output(name, value string) {
	if x.e.Output != nil {
		x.e.Output(name, value)
	}
}

// upped waits until the services are up and stay so, each with the image it is to run.
func (x comp) upped(ctx context.Context, rec composeRecord) (Seen, error) {
	p, err := x.project(ctx)
	if err != nil {
		return Seen{}, err
	}
	names := texts(x.s.Ready.Services)
	if len(names) == 0 {
		names = rec.Services
	}
	for _, s := range p.services {
		if s.Job && !slices.Contains(names, s.Name) && slices.Contains(rec.Services, s.Name) {
			names = append(names, s.Name)
		}
	}
	w := x.wish(p)
	w.restarts = rec.restarts()
	seen, all, err := x.watch(ctx, w, names)
	if err != nil || !seen.OK {
		return seen, err
	}
	for _, c := range all {
		x.output("images."+c.Service, c.Image)
		if !slices.ContainsFunc(rec.Containers, func(b compContainer) bool { return b.ID == c.ID && b.Started.Equal(c.Started) }) {
			seen.Changed = true
		}
	}
	return seen, writeBlob(ctx, x.e, blobUpped, all)
}

// watch looks at services until all are as they are wanted, one cannot get there any more, or the time is over.
func (x comp) watch(ctx context.Context, w upWish, names []string) (seen Seen, all []compContainer, err error) {
	within := orElse(x.s.Ready.Within, 90*time.Second)
	start := time.Now()
	err = again(ctx, x.e, time.Second, func() (bool, error) {
		now, err := hostClock(ctx, x.e)
		if err != nil {
			return false, err
		}
		if all, err = x.containers(ctx); err != nil {
			return false, err
		}
		seen = Seen{OK: true, Line: fmt.Sprintf("%s up, for %s", count(len(names), "service"), w.stable)}
		late := time.Since(start) > within+w.stable
		for _, n := range names {
			v := w.judgeService(n, all, now)
			seen.Lines = append(seen.Lines, v.line)
			switch {
			case v.fail || !v.ok && late:
				x.lastWords(ctx, n, all)
				seen.OK, seen.Line = false, x.m.name+": "+v.line
				if !v.fail {
					seen.Line += fmt.Sprintf(", not up within %s", within)
				}
				seen.Line += "; its last lines are in the output"
				return true, nil
			case !v.ok:
				seen.OK = false
				note(x.e, "%s", v.line)
			}
		}
		return seen.OK, nil
	})
	return seen, all, err
}

// lastWords puts the end of a service's log into the output.
func (x comp) lastWords(ctx context.Context, service string, all []compContainer) {
	for _, c := range all {
		if c.Service != service {
			continue
		}
		if r, err := x.m.run(ctx, nil, "docker", "logs", "--tail", "12", c.ID); err == nil {
			sayAll(x.e, string(r.Stdout)+string(r.Stderr))
		}
	}
}

// stopped wants no container of the services to run.
func (x comp) stopped(ctx context.Context, rec composeRecord) (Seen, error) {
	all, err := x.containers(ctx)
	if err != nil {
		return Seen{}, err
	}
	n := 0
	for _, c := range all {
		if !slices.Contains(rec.Services, c.Service) {
			continue
		}
		if c.State != "exited" && c.State != "created" && c.State != "dead" {
			return Seen{Line: fmt.Sprintf("%s: %s is still %s", x.m.name, c.Name, c.State)}, nil
		}
		n++
	}
	return Seen{OK: true, Changed: true, Line: count(n, "container") + " stopped"}, nil
}

func (composeKind) Probe(ctx context.Context, e *Env, u Undo) (Progress, error) {
	s, err := compOf(e)
	if err != nil {
		return Unclear, err
	}
	p, exit, err := e.Jobs.Find(ctx, jobName(e, s.s.Op))
	if err == nil && p == Ended && exit != 0 {
		return NotStarted, nil // acting again tells why
	}
	return p, err
}
