package step

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"midwatch/hosts"
	"midwatch/ops/deploy"
)

// snapshot reads how things are and keeps it with the run. It changes nothing; a rollback and whoever looks
// later see from it what ran before.
type snapshot struct{ lookOnly }

// blobSnapshot is what was read, as JSON of thing → what was read of it.
const blobSnapshot = "snapshot.json"

func (snapshot) Record(ctx context.Context, e *Env) (Undo, error) {
	return lookOnly{"snapshot"}.Record(ctx, e)
}

func (snapshot) Plan(_ context.Context, e *Env) (Change, error) {
	s, err := settings[deploy.Snapshot](e)
	if err != nil {
		return Change{}, err
	}
	n := len(s.Units) + len(s.Containers) + len(s.Files) + len(s.Images)
	line := fmt.Sprintf("notes the state of %d things", n)
	if s.Project != "" {
		line += " and of project " + brief(string(s.Project))
	}
	return Change{Nothing: true, Back: BackNone, Lines: []string{line}}, nil
}

func (snapshot) Verify(ctx context.Context, e *Env, _ Undo) (Seen, error) {
	s, err := settings[deploy.Snapshot](e)
	if err != nil {
		return Seen{}, err
	}
	var seen Seen
	var lost error // the way to the host is cut: nothing is noted of what nobody saw
	all := map[string]string{}
	add := func(name, state string, err error) {
		if err != nil {
			if lost == nil && linkLost(err) {
				lost = err
			}
			if seen.Line == "" {
				seen.Line = name + ": " + hosts.CleanLine(err.Error())
			}
			state = "not known: " + hosts.CleanLine(err.Error())
		}
		all[name] = state
		seen.Lines = append(seen.Lines, name+"  "+strings.ReplaceAll(state, "\n", ", "))
	}
	for _, u := range s.Units {
		state, err := snapUnit(ctx, e, string(u))
		add("unit "+string(u), state, err)
	}
	for _, c := range s.Containers {
		state, err := snapContainer(ctx, e, string(c))
		add("container "+string(c), state, err)
	}
	if s.Project != "" {
		states, err := snapProject(ctx, e, string(s.Project))
		if err != nil {
			add("project "+string(s.Project), "", err)
		}
		for _, line := range states {
			name, state, _ := strings.Cut(line, "\t")
			add("container "+hosts.CleanLine(name), hosts.CleanLine(state), nil)
		}
	}
	for _, f := range s.Files {
		state, err := snapFile(ctx, e, string(f))
		add("file "+string(f), state, err)
	}
	for _, i := range s.Images {
		state, err := snapImage(ctx, e, string(i))
		add("image "+string(i), state, err)
	}
	if err := ctx.Err(); err != nil {
		return seen, context.Cause(ctx)
	}
	if lost != nil {
		return seen, lost
	}
	j, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return seen, err
	}
	if err := e.Store.Put(ctx, blobSnapshot, bytes.NewReader(j)); err != nil {
		return seen, err
	}
	if seen.OK = seen.Line == ""; seen.OK {
		seen.Line = fmt.Sprintf("the state of %d things is noted", len(all))
	}
	return seen, nil
}

// snapUnit is a unit's state, without its environment.
func snapUnit(ctx context.Context, e *Env, unit string) (string, error) {
	out, err := login(e).must(ctx, "look at unit "+unit, "systemctl", "show",
		"-p", "LoadState,ActiveState,SubState,MainPID,InvocationID,NRestarts,UnitFileState,FragmentPath,ActiveEnterTimestamp", "--", unit)
	if err == nil && strings.Contains(out, "LoadState=not-found") {
		err = fmt.Errorf("unit %s is not there", unit)
	}
	return strings.TrimSpace(out), err
}

// What is read of a container is chosen: its environment and command may hold secrets.
const snapFormat = `{{.Name}}	image={{.Image}} state={{.State.Status}}{{if .State.Health}} health={{.State.Health.Status}}{{end}} started={{.State.StartedAt}} restarts={{.RestartCount}} hash={{index .Config.Labels "com.docker.compose.config-hash"}}`

func snapContainer(ctx context.Context, e *Env, name string) (string, error) {
	out, err := watcher(e).must(ctx, "look at container "+name, "docker", "inspect", "--type", "container", "--format", snapFormat, "--", name)
	_, state, _ := strings.Cut(strings.TrimSpace(out), "\t")
	return hosts.CleanLine(state), err
}

func snapProject(ctx context.Context, e *Env, project string) ([]string, error) {
	out, err := watcher(e).script(ctx, "look at project "+project, nil, `ids=$(docker ps -aq --no-trunc --filter "label=com.docker.compose.project=$1") || exit 1
[ -z "$ids" ] || docker inspect --type container --format "$2" $ids`, project, snapFormat)
	if err != nil || strings.TrimSpace(out) == "" {
		return nil, err
	}
	return strings.Split(strings.TrimPrefix(strings.ReplaceAll(strings.TrimSpace(out), "\n/", "\n"), "/"), "\n"), nil
}

func snapFile(ctx context.Context, e *Env, p string) (string, error) {
	s, err := watcher(e).lookFile(ctx, p)
	if err != nil {
		return "", err
	}
	switch s.Type {
	case "file":
		return fmt.Sprintf("sha256=%s mode=%04o owner=%d:%d size=%d", s.SHA256, s.Mode, s.UID, s.GID, s.Size), nil
	case "link":
		return "-> " + hosts.CleanLine(s.Link), nil
	case "absent":
		return "absent", nil
	}
	return fmt.Sprintf("%s mode=%04o owner=%d:%d", s.Type, s.Mode, s.UID, s.GID), nil
}

func snapImage(ctx context.Context, e *Env, image string) (string, error) {
	out, err := watcher(e).must(ctx, "look at image "+image, "docker", "image", "inspect", "--format", `{{.Id}} {{json .RepoDigests}}`, "--", image)
	return hosts.CleanLine(strings.TrimSpace(out)), err
}
