package step

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"midwatch/hosts"
	"midwatch/ops/deploy"
)

// migrate changes a schema: by a command, by the application when it starts ("on_boot", then this step waits
// for it), or by somebody else ("external", then this step asks). The marker, a command that prints the
// version of the schema, says before and after what it is. Taking it back is never automatic: a declared down
// command runs only when a person decided so, and without one there is no way back but the backup.
type migrate struct{}

// migrateRecord is what was there before.
type migrateRecord struct {
	Variant string   `json:"variant"`
	Before  string   `json:"before,omitempty"` // of the marker
	Marked  bool     `json:"marked,omitempty"`
	Down    []string `json:"down,omitempty"`
	Expand  bool     `json:"expand,omitempty"` // old code runs on the new schema
	Backup  string   `json:"backup,omitempty"` // path, size and sum
}

func (migrate) Class(s any) Class {
	if m, ok := s.(*deploy.Migrate); ok {
		switch m.Variant {
		case "on_boot":
			return Repeat
		case "external":
			return AskHuman
		}
		if m.Command.Repeat != "" {
			return command{}.Class(&m.Command)
		}
	}
	return Reattach
}

// readMarker runs the marker and returns the last line it prints.
func readMarker(ctx context.Context, e *Env, s *deploy.Migrate) (string, error) {
	j, err := jobOf(ctx, e, &s.Marker)
	if err != nil {
		return "", err
	}
	m := machine{conn: e.Conn, name: hostName(e), sudo: j.Sudo}
	if j.User != "" || len(j.Secret) > 0 || len(j.Hide) > 0 {
		return readMarkerByJob(ctx, e, s, j)
	}
	res, err := m.inDir(ctx, j.Dir, strings.NewReader(j.Stdin.Reveal()), j.Argv...)
	switch {
	case err != nil:
		return "", err
	case !exitWanted(res.Exit, s.Marker.Exit):
		return "", &failure{m.name, "the marker of the schema", res}
	}
	return markerOf(s, res.Stdout)
}

// readMarkerByJob is for markers that need another user or secrets in their environment: only jobs have a way
// for these. Each reading is a job of its own.
func readMarkerByJob(ctx context.Context, e *Env, s *deploy.Migrate, j Job) (string, error) {
	if e.Jobs == nil {
		return "", fmt.Errorf("%s: the marker needs secrets or another user, and is read when the run begins: %w", hostName(e), errLater)
	}
	job := jobName(e, fmt.Sprintf("marker-%d", e.Now().UnixNano()))
	exit, err := e.Jobs.Run(ctx, job, j, func(string, bool) {})
	if err != nil {
		return "", err
	}
	log, err := e.Jobs.Log(ctx, job, maxOutput)
	if err != nil {
		return "", err
	}
	if !exitWanted(exit, s.Marker.Exit) {
		return "", fmt.Errorf("%s: the marker of the schema: exit %d: %s", hostName(e), exit, lastLine(log))
	}
	return markerOf(s, log)
}

// errLater is what cannot be read while planning.
var errLater = errors.New("not known yet")

func markerOf(s *deploy.Migrate, out []byte) (string, error) {
	if how, ok := s.Marker.Outputs["version"]; ok {
		return outputOf(how, out)
	}
	if v := lastLine(out); v != "" {
		return v, nil
	}
	return "", errors.New("the marker of the schema prints nothing")
}

func (migrate) marked(s *deploy.Migrate) bool { return len(s.Marker.Argv) > 0 }

func (k migrate) Plan(ctx context.Context, e *Env) (Change, error) {
	s, err := settings[deploy.Migrate](e)
	if err != nil {
		return Change{}, err
	}
	c := Change{Unknown: true}
	from := "?"
	if k.marked(s) {
		switch from, err = readMarker(ctx, e, s); {
		case errors.Is(err, errLater):
			from = "?"
		case err != nil:
			return c, err
		default:
			c.Saw = "schema " + from
		}
	}
	c.Lines = []string{fmt.Sprintf("schema %s → ? (%s)", brief(from), migrateHow(s))}
	c.Back, c.BackLines = migrateWay(s)
	if c.Back == BackIrreversible {
		c.Asks = []string{hostName(e) + ": the schema changes and no way back is declared"}
	}
	if s.Backup == "" && c.Back != BackNone {
		c.Lines = append(c.Lines, "no backup is named")
	}
	return c, nil
}

func migrateHow(s *deploy.Migrate) string {
	switch s.Variant {
	case "on_boot":
		return "the application does it when it starts"
	case "external":
		return "somebody else does it"
	}
	return commandLine(&s.Command)
}

// migrateWay is the way back as the definition declares it.
func migrateWay(s *deploy.Migrate) (Way, []string) {
	switch {
	case s.Reversible == "expand-contract":
		return BackNone, []string{"old code runs on the new schema: nothing to take back"}
	case s.Reversible == "yes" && len(s.Down) > 0:
		return BackCompensating, []string{"down, when a person says so: " + brief(strings.Join(texts(s.Down), " "))}
	case s.Reversible == "yes":
		return BackManual, []string{"a person must take it back: no down is declared"}
	}
	line := "no way back"
	if s.Backup != "" {
		line += " but the backup " + brief(string(s.Backup)) + ", by hand"
	}
	return BackIrreversible, []string{line}
}

func (k migrate) Record(ctx context.Context, e *Env) (Undo, error) {
	s, err := settings[deploy.Migrate](e)
	if err != nil {
		return Undo{}, err
	}
	r := migrateRecord{Variant: orWord(s.Variant, "command"), Marked: k.marked(s), Down: texts(s.Down), Expand: s.Reversible == "expand-contract"}
	if r.Variant == "command" && len(s.Command.Argv) == 0 {
		return Undo{}, refused("step %s: no command: say what migrates", hosts.CleanLine(e.Step))
	}
	if r.Marked {
		if r.Before, err = readMarker(ctx, e, s); err != nil {
			return Undo{}, err
		}
	}
	if s.Backup != "" {
		if r.Backup, err = k.backup(ctx, e, string(s.Backup)); err != nil {
			return Undo{}, err
		}
	}
	u := Undo{Kind: "migrate", Data: data(r)}
	u.Way, u.Lines = migrateWay(s)
	if r.Before != "" {
		u.Lines = append(u.Lines, "the schema was "+brief(r.Before))
	}
	return u, nil
}

// backup wants the dump that is the last way back to be there and not empty.
func (migrate) backup(ctx context.Context, e *Env, p string) (string, error) {
	m, err := rights(ctx, e, p)
	if err != nil {
		return "", err
	}
	s, err := m.lookFile(ctx, p)
	switch {
	case err != nil:
		return "", err
	case s.Type != "file" || s.Size == 0:
		return "", refused("%s: the backup %s is %s: make it first", m.name, hosts.CleanLine(p), orWord(map[bool]string{true: "empty"}[s.Type == "file"], orWord(word(s), "no file")))
	}
	return fmt.Sprintf("%s, %d bytes, sha256 %s", p, s.Size, s.SHA256), nil
}

func (migrate) Act(ctx context.Context, e *Env, u Undo) error {
	s, err := settings[deploy.Migrate](e)
	if err != nil {
		return err
	}
	r, err := unpack[migrateRecord](u)
	if err != nil || r.Variant != "command" {
		return err
	}
	j, err := jobOf(ctx, e, &s.Command)
	if err != nil {
		return err
	}
	_, err = runJob(ctx, e, jobName(e, "up"), j) // Verify judges the exit status
	return err
}

// Verify wants the command to have ended well, the application to have come up, or a person's word; then it
// reads the marker again.
func (k migrate) Verify(ctx context.Context, e *Env, u Undo) (Seen, error) {
	s, err := settings[deploy.Migrate](e)
	if err != nil {
		return Seen{}, err
	}
	r, err := unpack[migrateRecord](u)
	if err != nil {
		return Seen{}, err
	}
	seen := Seen{OK: true}
	switch r.Variant {
	case "command":
		seen, err = verifyJob(ctx, e, &s.Command, jobName(e, "up"))
	case "external":
		seen, err = k.asked(ctx, e, r)
	}
	if err == nil && seen.OK && s.Until != nil {
		seen, err = hold{probes: []deploy.Probe{*s.Until}, within: waitMax}.wait(ctx, e)
	}
	if err != nil || !seen.OK || !r.Marked {
		seen.Changed = true
		return seen, err
	}
	after, err := readMarker(ctx, e, s)
	if err != nil {
		return Seen{}, err
	}
	if e.Output != nil {
		e.Output("before", r.Before)
		e.Output("after", after)
	}
	seen.Changed = after != r.Before
	seen.Line = fmt.Sprintf("schema %s → %s", brief(r.Before), brief(after))
	if !seen.Changed {
		seen.Line = "schema is still " + brief(after)
	}
	return seen, writeBlob(ctx, e, "after", after)
}

// asked asks whether somebody else has migrated.
func (migrate) asked(ctx context.Context, e *Env, r migrateRecord) (Seen, error) {
	a, err := e.Ask(ctx, Question{Kind: "confirm", Text: "Has the schema been migrated?", Lines: []string{"it was " + orWord(r.Before, "not read")}, Comment: true})
	if err != nil {
		return Seen{}, err
	}
	return Seen{OK: a.Yes, Line: fmt.Sprintf("migrated: %s by %s", tick(a.Yes), by(a))}, nil
}

func (migrate) Probe(ctx context.Context, e *Env, u Undo) (Progress, error) {
	r, err := unpack[migrateRecord](u)
	switch {
	case err != nil:
		return Unclear, err
	case r.Variant == "on_boot":
		return NotStarted, nil
	case r.Variant == "external":
		return Unclear, nil
	}
	p, _, err := e.Jobs.Find(ctx, jobName(e, "up"))
	return p, err
}

// Undo runs the declared down command. Whoever calls it has had a person's typed decision.
func (migrate) Undo(ctx context.Context, e *Env, u Undo) error {
	r, err := unpack[migrateRecord](u)
	switch {
	case err != nil || u.Way == BackNone:
		return err
	case u.Way != BackCompensating:
		return refused("%s: the schema has no declared way back (%s): go forward with a fix, or restore the backup by hand%s", hostName(e), strings.Join(u.Lines, "; "), backupHint(r))
	}
	s, err := settings[deploy.Migrate](e)
	if err != nil {
		return err
	}
	down := s.Command
	down.Argv, down.Stdin = nil, ""
	for _, a := range r.Down {
		down.Argv = append(down.Argv, deploy.Text(a))
	}
	j, err := jobOf(ctx, e, &down)
	if err != nil {
		return err
	}
	exit, err := runJob(ctx, e, jobName(e, "down"), j)
	if err == nil && exit != 0 {
		log, lerr := e.Jobs.Log(ctx, jobName(e, "down"), 64<<10)
		return errors.Join(fmt.Errorf("%s: %s: exit %d: %s", hostName(e), brief(strings.Join(r.Down, " ")), exit, lastLine(log)), lerr)
	}
	return err
}

func backupHint(r migrateRecord) string {
	if r.Backup == "" {
		return ""
	}
	return ": " + hosts.CleanLine(r.Backup)
}

// Undone reads the marker again.
func (k migrate) Undone(ctx context.Context, e *Env, u Undo) (Seen, error) {
	s, err := settings[deploy.Migrate](e)
	if err != nil {
		return Seen{}, err
	}
	r, err := unpack[migrateRecord](u)
	switch {
	case err != nil:
		return Seen{}, err
	case u.Way == BackNone:
		return Seen{OK: true, Line: "old code runs on the new schema: nothing to take back"}, nil
	case !r.Marked:
		return Seen{Line: "no marker is declared: what the schema is now is not known"}, nil
	}
	now, err := readMarker(ctx, e, s)
	if err != nil {
		return Seen{}, err
	}
	if now != r.Before {
		return Seen{Line: fmt.Sprintf("schema is %s, was %s", brief(now), brief(r.Before))}, nil
	}
	return Seen{OK: true, Changed: true, Line: "schema is " + brief(now) + " again"}, nil
}

func (k migrate) Drift(ctx context.Context, e *Env, u Undo) ([]string, error) {
	s, err := settings[deploy.Migrate](e)
	if err != nil || !k.marked(s) {
		return nil, err
	}
	var after string
	if readBlob(ctx, e, "after", &after); after == "" {
		return []string{"the schema was not read after this run"}, nil
	}
	now, err := readMarker(ctx, e, s)
	if err != nil || now == after {
		return nil, err
	}
	return []string{fmt.Sprintf("schema is %s, this run left %s", brief(now), brief(after))}, nil
}
