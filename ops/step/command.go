package step

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"midwatch/hosts"
	"midwatch/ops/deploy"
)

// command runs a program as a detached job. What it changes nobody can know, so it has no way back of its
// own: the definition may declare a command that takes it back, and the engine runs that one.
type command struct{}

// commandRecord is what is kept of a command: no environment and no input, which may be secret.
type commandRecord struct {
	Argv []string `json:"argv"`
	Dir  string   `json:"dir,omitempty"`
	User string   `json:"user,omitempty"`
	Job  string   `json:"job"`
}

// maxOutput is how much of a job's output a verdict is made from: its end.
const maxOutput = 4 << 20

func (command) Class(s any) Class {
	if c, ok := s.(*deploy.Command); ok {
		switch c.Repeat {
		case "safe":
			return Repeat
		case "never":
			return AskHuman
		}
	}
	return Reattach
}

func (command) Plan(_ context.Context, e *Env) (Change, error) {
	s, err := settings[deploy.Command](e)
	if err != nil {
		return Change{}, err
	}
	line := commandLine(s)
	c := Change{
		Unknown: s.Effect == "", Back: BackManual, Saw: line,
		BackLines: []string{"a person must take back what it did: no undo is declared"},
		Detail:    []Detail{{Title: "command", Text: commandText(s)}},
	}
	if s.Effect == "" {
		c.Lines = []string{"? effect unknown: " + line}
	} else {
		c.Lines = []string{hosts.CleanLine(s.Effect) + " (" + line + ")"}
	}
	return c, nil
}

// commandLine is a command for people.
func commandLine(s *deploy.Command) string { return brief(strings.Join(texts(s.Argv), " ")) }

// commandText says everything about a command that is not secret.
func commandText(s *deploy.Command) string {
	lines := []string{fmt.Sprintf("argv  %q", texts(s.Argv))}
	add := func(name, v string) {
		if v != "" {
			lines = append(lines, name+hosts.CleanLine(v))
		}
	}
	add("in    ", string(s.Dir))
	add("as    ", string(s.User))
	if len(s.Env) > 0 {
		add("env   ", strings.Join(sortedKeys(s.Env), ", ")) // names only
	}
	if s.Stdin != "" {
		add("stdin ", "given")
	}
	add("match ", s.Match)
	return strings.Join(lines, "\n")
}

func (command) Record(_ context.Context, e *Env) (Undo, error) {
	s, err := settings[deploy.Command](e)
	if err != nil {
		return Undo{}, err
	}
	if len(s.Argv) == 0 {
		return Undo{}, refused("step %s: no argv: say what to run", hosts.CleanLine(e.Step))
	}
	r := commandRecord{Argv: texts(s.Argv), Dir: string(s.Dir), User: string(s.User), Job: jobName(e, "")}
	return Undo{
		Kind: "command", Way: BackManual, Data: data(r),
		Lines: []string{"what " + commandLine(s) + " did, a person must take back"},
	}, nil
}

// jobOf makes the job of a command; its environment and input are revealed here and go nowhere else.
func jobOf(ctx context.Context, e *Env, s *deploy.Command) (Job, error) {
	j := Job{Argv: texts(s.Argv), Dir: string(s.Dir), User: string(s.User), Secret: map[string]hosts.Secret{}}
	if e.Host == "" {
		j.Dir = localPath(e, j.Dir)
	}
	if j.User == "root" {
		j.User, j.Sudo = "", true
	} else if j.User != "" {
		j.Sudo = true // to become somebody else
	}
	for _, k := range sortedKeys(s.Env) {
		v, err := e.Reveal(ctx, s.Env[k])
		if err == nil {
			err = j.hide(ctx, e, s.Env[k])
		}
		if err != nil {
			return j, fmt.Errorf("environment %s: %w", hosts.CleanLine(k), err)
		}
		j.Secret[k] = v
	}
	if s.Stdin != "" {
		v, err := e.Reveal(ctx, s.Stdin)
		if err == nil {
			err = j.hide(ctx, e, s.Stdin)
		}
		if err != nil {
			return j, fmt.Errorf("standard input: %w", err)
		}
		j.Stdin = v
	}
	return j, nil
}

// hide keeps the secrets of a text out of the job's output, each by itself.
func (j *Job) hide(ctx context.Context, e *Env, text deploy.Sensitive) error {
	refs, err := deploy.Refs(string(text))
	for _, r := range refs {
		if r.Root != "secret" {
			continue
		}
		v, rerr := e.Reveal(ctx, deploy.Sensitive(r.String()))
		if rerr != nil {
			return rerr
		}
		j.Hide = append(j.Hide, v)
	}
	return err
}

// runJob runs a job, or attaches to it, and says its lines.
func runJob(ctx context.Context, e *Env, name string, j Job) (exit int, err error) {
	return e.Jobs.Run(ctx, name, j, func(text string, stderr bool) { say(e, text, stderr) })
}

func (command) Act(ctx context.Context, e *Env, u Undo) error {
	s, err := settings[deploy.Command](e)
	if err != nil {
		return err
	}
	r, err := unpack[commandRecord](u)
	if err != nil {
		return err
	}
	j, err := jobOf(ctx, e, s)
	if err != nil {
		return err
	}
	_, err = runJob(ctx, e, r.Job, j) // Verify judges the exit status
	return err
}

// Verify reads the job's exit status and output, both of which outlive the one who started it.
func (command) Verify(ctx context.Context, e *Env, u Undo) (Seen, error) {
	s, err := settings[deploy.Command](e)
	if err != nil {
		return Seen{}, err
	}
	r, err := unpack[commandRecord](u)
	if err != nil {
		return Seen{}, err
	}
	return verifyJob(ctx, e, s, r.Job)
}

// verifyJob judges a job that has ended as its settings want it, and names its outputs.
func verifyJob(ctx context.Context, e *Env, s *deploy.Command, job string) (Seen, error) {
	p, exit, err := e.Jobs.Find(ctx, job)
	switch {
	case err != nil:
		return Seen{}, err
	case p == NotStarted:
		return Seen{Line: commandLine(s) + " was not started"}, nil
	case p != Ended:
		return Seen{Line: commandLine(s) + " still runs"}, nil
	}
	log, err := e.Jobs.Log(ctx, job, maxOutput)
	if err != nil {
		return Seen{}, fmt.Errorf("read the output of %s: %w", commandLine(s), err)
	}
	seen := Seen{Changed: true, Line: fmt.Sprintf("%s: exit %d", commandLine(s), exit), Lines: lastLines(log, 5)}
	if !exitWanted(exit, s.Exit) {
		seen.Line += exitHelp(exit)
		if why := lastLine(log); why != "" {
			seen.Line += ": " + why
		}
		return seen, nil
	}
	if s.Match != "" {
		re, err := regexp.Compile("(?m)" + s.Match) // as of outputs
		if err != nil {
			return seen, fmt.Errorf("match: %w", err)
		}
		if !re.Match(log) {
			seen.Line += ", but the output does not match " + s.Match
			return seen, nil
		}
	}
	if err := nameOutputs(e, s.Outputs, log); err != nil {
		seen.Line += ", but " + err.Error()
		return seen, nil //nolint:nilerr // it is the verdict, not a failure to make one
	}
	seen.OK = true
	return seen, nil
}

func exitWanted(exit int, want []int) bool {
	if len(want) == 0 {
		return exit == 0
	}
	return slices.Contains(want, exit)
}

// exitHelp says what a shell means by an exit status.
func exitHelp(exit int) string {
	switch exit {
	case 126:
		return " (cannot be executed)"
	case 127:
		return " (no such program: is it installed there?)"
	case 137:
		return " (killed: out of memory, or by hand)"
	}
	return ""
}

// lastLines are the last lines of a log that say anything.
func lastLines(log []byte, n int) []string {
	var out []string
	for line := range strings.SplitSeq(string(log), "\n") {
		if line = hosts.CleanLine(strings.TrimRight(line, "\r")); line != "" {
			out = append(out, line)
		}
	}
	return out[max(0, len(out)-n):]
}

// nameOutputs takes values out of a job's output: by a pattern with one group, or a path of the JSON in it.
func nameOutputs(e *Env, want map[string]string, log []byte) error {
	for _, name := range sortedKeys(want) {
		v, err := outputOf(want[name], log)
		if err != nil {
			return fmt.Errorf("output %s: %w", hosts.CleanLine(name), err)
		}
		e.Output(name, v)
	}
	return nil
}

func outputOf(how string, log []byte) (string, error) {
	if path, ok := strings.CutPrefix(how, "json:"); ok {
		doc, err := lastJSON(log)
		if err != nil {
			return "", err
		}
		v, ok := jsonAt(doc, path)
		if !ok {
			return "", fmt.Errorf("%s is not in the JSON", path)
		}
		return jsonText(v), nil
	}
	re, err := regexp.Compile("(?m)" + how) // ^ and $ are those of a line
	if err != nil {
		return "", err
	}
	m := re.FindSubmatch(log)
	if len(m) < 2 {
		return "", fmt.Errorf("nothing matches %s with a group", how)
	}
	return string(m[1]), nil
}

// lastJSON finds JSON in what a program printed: all of it, or the last line that is JSON.
func lastJSON(log []byte) (any, error) {
	if v, err := decodeJSON(bytes.TrimSpace(log)); err == nil {
		return v, nil
	}
	lines := bytes.Split(bytes.TrimSpace(log), []byte("\n"))
	for _, l := range slices.Backward(lines) {
		l = bytes.TrimSpace(l)
		if len(l) > 0 && (l[0] == '{' || l[0] == '[') && json.Valid(l) {
			return decodeJSON(l)
		}
	}
	return nil, errors.New("no JSON in the output")
}

func (command) Probe(ctx context.Context, e *Env, u Undo) (Progress, error) {
	r, err := unpack[commandRecord](u)
	if err != nil {
		return Unclear, err
	}
	p, _, err := e.Jobs.Find(ctx, r.Job)
	return p, err
}

func (command) Undo(_ context.Context, e *Env, u Undo) error {
	r, err := unpack[commandRecord](u)
	if err != nil {
		return err
	}
	return refused("%s: %s has no undo: take back by hand what it did, then mark the step", hostName(e), brief(strings.Join(r.Argv, " ")))
}

func (command) Undone(_ context.Context, e *Env, _ Undo) (Seen, error) {
	return Seen{Line: hostName(e) + ": nobody can see whether a command was taken back"}, nil
}

func (command) Drift(context.Context, *Env, Undo) ([]string, error) { return nil, nil }
