package step

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"midwatch/hosts"
)

func (r composeRecord) restarts() map[string]int {
	out := map[string]int{}
	for _, c := range r.Containers {
		out[c.ID] = c.Restarts
	}
	return out
}

// was are the containers of a service as they were.
func (r composeRecord) was(service string) (out []compContainer) {
	for _, c := range r.Containers {
		if c.Service == service {
			out = append(out, c)
		}
	}
	return out
}

func (composeKind) Undo(ctx context.Context, e *Env, u Undo) error {
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
	switch rec.Op {
	case "pull", "build":
		return x.nameAgain(ctx, rec)
	case "stop":
		return x.startAgain(ctx, rec)
	}
	if u.Way == BackManual {
		return refused("%s: this docker compose cannot be told to run a kept image: start %s by hand from %s", x.m.name, strings.Join(rec.Services, ", "), keptAs(rec.Tags))
	}
	if err := x.nameAgain(ctx, rec); err != nil { // an up that builds gives names to other images
		return err
	}
	return x.runAgain(ctx, rec)
}

func keptAs(tags map[string]string) string {
	var out []string
	for _, s := range sortedKeys(tags) {
		out = append(out, hosts.CleanLine(tags[s]))
	}
	return strings.Join(out, ", ")
}

// nameAgain gives references back to the images they named.
func (x comp) nameAgain(ctx context.Context, rec composeRecord) error {
	for _, ref := range sortedKeys(rec.Refs) {
		if id := rec.Refs[ref]; id != "" && repoOf(ref) != "" && !strings.Contains(ref, "@") {
			if err := x.tag(ctx, id, ref); err != nil {
				return err
			}
		}
	}
	return nil
}

// startAgain starts the containers that ran.
func (x comp) startAgain(ctx context.Context, rec composeRecord) error {
	for _, c := range rec.Containers {
		if c.State != "running" && c.State != "restarting" {
			continue
		}
		if _, err := x.m.must(ctx, "start "+c.Name, "docker", "start", c.ID); err != nil {
			return x.known(err)
		}
	}
	return nil
}

// back is what has to be done to which services so that they are as they were.
type back struct {
	up     []string // run the image they ran
	create []string // have a container of that image that does not run: jobs that had ended
	remove []string // had no container
	count  map[string]int
}

// backOf compares what was with what is. A service whose containers are the ones that were there is left
// alone, and a job that had ended is not run again.
func backOf(rec composeRecord, now []compContainer) back {
	b := back{count: map[string]int{}}
	for _, s := range rec.Services {
		was := rec.was(s)
		var is []compContainer
		for _, c := range now {
			if c.Service == s {
				is = append(is, c)
			}
		}
		switch {
		case len(was) == 0 && len(is) > 0:
			b.remove = append(b.remove, s)
		case len(was) == 0 || sameContainers(was, is):
		case slices.ContainsFunc(was, func(c compContainer) bool {
			return c.State == "running" || c.State == "restarting" || c.State == "paused"
		}):
			b.up = append(b.up, s)
		default:
			b.create = append(b.create, s)
		}
		if len(was) > 1 {
			b.count[s] = len(was)
		}
	}
	return b
}

// sameContainers reports that the same containers are there, each running or not as it was.
func sameContainers(was, is []compContainer) bool {
	if len(was) != len(is) {
		return false
	}
	for i := range was {
		if was[i].ID != is[i].ID || (was[i].State == "running") != (is[i].State == "running") {
			return false
		}
	}
	return true
}

// runAgain makes the services run the images they ran, under an override that lets nothing else happen.
func (x comp) runAgain(ctx context.Context, rec composeRecord) error {
	now, err := x.containers(ctx)
	if err != nil {
		return err
	}
	b := backOf(rec, now)
	if err := x.kept(ctx, rec, append(slices.Clone(b.up), b.create...)); err != nil {
		return err
	}
	if len(b.remove) > 0 {
		if err := x.job(ctx, "remove", nil, append([]string{"rm", "--stop", "--force"}, b.remove...)); err != nil {
			return err
		}
	}
	if len(b.up)+len(b.create) == 0 {
		return nil
	}
	tags := map[string]string{}
	for _, s := range append(slices.Clone(b.up), b.create...) {
		tags[s] = rec.Tags[s]
	}
	if err := x.e.Store.Put(ctx, blobPin, strings.NewReader(pinFile(tags))); err != nil {
		return fmt.Errorf("%s: write the override: %w", x.m.name, err)
	}
	pin := []string{path.Join(x.e.Store.Dir(), blobPin)}
	for _, part := range []struct {
		name     string
		services []string
		how      string
	}{{"up", b.up, "-d"}, {"create", b.create, "--no-start"}} {
		if len(part.services) == 0 {
			continue
		}
		args := []string{"up", part.how, "--no-build", "--no-deps"}
		for _, s := range part.services {
			if n := b.count[s]; n > 0 {
				args = append(args, "--scale", fmt.Sprintf("%s=%d", s, n))
			}
		}
		if err := x.job(ctx, part.name, pin, append(args, part.services...)); err != nil {
			return err
		}
	}
	return nil
}

// kept wants the image of every service to be there still, and its tag on it.
func (x comp) kept(ctx context.Context, rec composeRecord, services []string) error {
	for _, s := range services {
		c := rec.was(s)[0]
		there, err := x.images(ctx, []string{c.Image, rec.Tags[s]})
		if err != nil {
			return err
		}
		if there[c.Image] == "" {
			return refused("%s: image %s that %s ran is gone: build or pull it again, then start it by hand", x.m.name, shortID(c.Image), s)
		}
		if there[rec.Tags[s]] != c.Image {
			if err := x.tag(ctx, c.Image, rec.Tags[s]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (composeKind) Undone(ctx context.Context, e *Env, u Undo) (Seen, error) {
	x, err := compOf(e)
	if err != nil {
		return Seen{}, err
	}
	rec, err := unpack[composeRecord](u)
	if err != nil {
		return Seen{}, err
	}
	if u.Nothing {
		return Seen{OK: true, Line: "nothing was changed"}, nil
	}
	switch rec.Op {
	case "pull", "build":
		return x.namedAgain(ctx, rec)
	}
	return x.runsAgain(ctx, rec)
}

func (x comp) namedAgain(ctx context.Context, rec composeRecord) (Seen, error) {
	now, err := x.images(ctx, sortedKeys(rec.Refs))
	if err != nil {
		return Seen{}, err
	}
	out := Seen{OK: true, Changed: true}
	for _, ref := range sortedKeys(rec.Refs) {
		if id := rec.Refs[ref]; id != "" && now[ref] != id && !strings.Contains(ref, "@") {
			return Seen{Line: fmt.Sprintf("%s: %s names image %s, not %s", x.m.name, hosts.CleanLine(ref), either(shortID(now[ref]), "none"), shortID(id))}, nil
		}
	}
	out.Line = count(len(rec.Refs), "name") + " as before"
	return out, nil
}

// runsAgain compares image ids: what a service runs now with what it ran.
func (x comp) runsAgain(ctx context.Context, rec composeRecord) (Seen, error) {
	w := upWish{image: map[string]string{}, jobs: map[string]bool{}, count: map[string]int{}, restarts: rec.restarts(), stable: orElse(x.s.Ready.StableFor, 10*time.Second)}
	var live []string
	for _, s := range rec.Services {
		was := rec.was(s)
		if len(was) == 0 {
			continue
		}
		w.image[s], w.count[s] = was[0].Image, len(was)
		if slices.ContainsFunc(was, func(c compContainer) bool { return c.State == "running" }) {
			live = append(live, s)
		}
	}
	seen, all, err := x.watch(ctx, w, live)
	if err != nil || !seen.OK {
		return seen, err
	}
	for _, s := range rec.Services {
		is := slices.DeleteFunc(slices.Clone(all), func(c compContainer) bool { return c.Service != s })
		if len(is) != len(rec.was(s)) {
			return Seen{Line: fmt.Sprintf("%s: %s has %s, had %d", x.m.name, s, count(len(is), "container"), len(rec.was(s))), Lines: seen.Lines}, nil
		}
		for _, c := range is {
			if c.Image != w.image[s] {
				return Seen{Line: fmt.Sprintf("%s: %s has image %s, had %s", x.m.name, c.Name, shortID(c.Image), shortID(w.image[s])), Lines: seen.Lines}, nil
			}
		}
	}
	seen.Changed = true
	seen.Line = fmt.Sprintf("%s run the images of before", count(len(live), "service"))
	switch {
	case len(live) == 0:
		seen.Line = "what was not there before is removed"
	case rec.Op == "up":
		seen.Line += "; pinned by " + undoTagPrefix + plainName(rec.Run) + " until the next up"
	}
	return seen, nil
}

// Drift tells containers that are others than the step left, and compose files that were edited.
func (composeKind) Drift(ctx context.Context, e *Env, u Undo) ([]string, error) {
	x, err := compOf(e)
	if err != nil {
		return nil, err
	}
	rec, err := unpack[composeRecord](u)
	if err != nil {
		return nil, err
	}
	var left []compContainer
	readBlob(ctx, e, blobUpped, &left)
	if rec.Op != "up" || len(left) == 0 {
		return nil, nil
	}
	now, err := x.containers(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, c := range left {
		i := slices.IndexFunc(now, func(n compContainer) bool { return n.Name == c.Name })
		switch {
		case i < 0:
			out = append(out, fmt.Sprintf("%s: %s is gone", x.m.name, c.Name))
		case now[i].ID != c.ID:
			out = append(out, fmt.Sprintf("%s: %s was made anew since the step, with image %s", x.m.name, c.Name, shortID(now[i].Image)))
		case now[i].State != c.State:
			out = append(out, fmt.Sprintf("%s: %s is %s, was %s", x.m.name, c.Name, now[i].State, c.State))
		}
	}
	return out, nil
}
