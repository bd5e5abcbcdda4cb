package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"midwatch/checks"
	"midwatch/checks/lint"
	"midwatch/checks/report"
)

type lintFlags struct {
	merge    bool
	live     []string
	severity string
	only     []string
	out      outputFlags
}

func (a *app) lintCommand() *cobra.Command {
	f := lintFlags{severity: "info"}
	cmd := &cobra.Command{
		Use:   "lint FILE...",
		Short: "Check nginx, compose and Envoy files, without a host",
		Long: `Run the checks that need no host on files: configurations of nginx (also the output of nginx -T),
compose files, dumps of Envoy's /config_dump. What a file is, its content tells; "-" is standard input.

Includes of nginx are followed from the file's folder; one that is not where it says is looked for by
its name in the folders below. Variables of compose files come from .env beside them.

With --merge the compose files are one project, in the order given, as docker compose -f A -f B takes
them. --live FILE is a compose project that runs already: what the linted ones want of its ports is a
collision.

The exit code is 1 when there are findings, 2 when a file cannot be read as what it is.`,
		Example: `midwatch lint nginx.conf docker-compose.yml
midwatch lint --merge docker-compose.yml docker-compose.prod.yml
midwatch lint new.yml --live running.yml --json
ssh web nginx -T | midwatch lint -`,
		Args: cobra.MinimumNArgs(1),
		Run:  a.does(func(_ context.Context, args []string) error { return a.runLint(args, f) }),
	}
	fl := cmd.Flags()
	fl.BoolVar(&f.merge, "merge", false, "take the compose files as one project, in order")
	fl.StringArrayVar(&f.live, "live", nil, "compose FILE of what runs already; may be given several times")
	fl.Var(&choice{&f.severity, severities}, "severity", "only findings of at least this severity: info, warning, error or critical")
	fl.StringSliceVar(&f.only, "check", nil, "only this check or diagnosis; may be given several times")
	f.out.register(cmd)
	_ = cmd.RegisterFlagCompletionFunc("severity", cobra.FixedCompletions(severities, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("check", completeChecks)
	return cmd
}

func (a *app) runLint(args []string, f lintFlags) error {
	list, err := selectChecks(f.only)
	if err != nil {
		return err
	}
	o := lint.Options{Now: a.now(), Merge: f.merge, Env: dotEnv, Include: findInclude, Context: buildContext}
	for _, p := range f.live {
		x := a.lintFile(p)
		if x.Error != "" {
			return wrong("--live %s: %s", p, x.Error)
		}
		o.Live = append(o.Live, x)
	}
	var files []lint.File
	for _, p := range args {
		files = append(files, a.lintFile(p))
	}
	w, looked := lint.Load(files, o)
	r := checks.Run(w, list, checks.Options{})
	found := atLeast(r.Shown(), f.severity)
	if err := a.printLint(f.out, list, looked, found, r.Unknowns()); err != nil {
		return err
	}
	switch {
	case slices.ContainsFunc(looked, func(k lint.Looked) bool { return k.Error != "" }):
		return silently(exitUsage)
	case len(found) > 0:
		return silently(exitFindings)
	}
	return nil
}

// maxLint bounds a file: what is larger is no configuration.
const maxLint = 64 << 20

func (a *app) lintFile(name string) lint.File {
	var text []byte
	var err error
	if name == "-" {
		text, err = readLimited(a.stdin)
	} else {
		text, err = readFileLimited(name)
	}
	f := lint.File{Path: name, Text: text}
	if err != nil {
		f.Error = reason(err)
	}
	return f
}

func (a *app) printLint(o outputFlags, list []checks.Check, looked []lint.Looked, found, unknown []checks.Finding) error {
	switch {
	case a.flags.json:
		return a.printJSON(struct {
			Files    []lint.Looked    `json:"files"`
			Findings []report.Finding `json:"findings"`
		}{looked, append(jsonFindings(found), jsonFindings(unknown)...)})
	case o.sarif:
		return a.printJSON(report.SARIF(versionInfo().Version, list, found))
	}
	for _, k := range looked {
		if k.Error != "" {
			a.warn("%s: %s", k.Path, strings.TrimPrefix(k.Error, k.Path+": "))
		}
	}
	if o.markdown {
		return a.printf("%s", report.Markdown("midwatch lint", found, unknown))
	}
	return a.printFindings(found, unknown, "")
}

// dotEnv reads the .env beside a compose file; nil when there is none.
func dotEnv(file string) map[string]string {
	text, err := readFileLimited(filepath.Join(filepath.Dir(file), ".env"))
	if err != nil {
		return nil
	}
	return lint.ParseEnv(string(text))
}

// findInclude finds the files an include of nginx means: where it says, from the folder of the main
// file, or by name below that folder. An absolute path counts where the file itself lies under the same
// root: what this machine has in /etc/nginx says nothing about a file of somebody else.
func findInclude(from, include string) []lint.File {
	dir := filepath.Dir(from)
	at, here := include, true
	if filepath.IsAbs(at) {
		own, err := filepath.Abs(from)
		here = err == nil && root(own) == root(at)
	} else {
		at = filepath.Join(dir, at)
	}
	var names []string
	if here {
		names, _ = filepath.Glob(at)
	}
	if len(names) == 0 && filepath.Base(include) != "mime.types" && from != "-" {
		names = below(dir, from, include)
	}
	var out []lint.File
	for _, n := range names {
		if text, err := readFileLimited(n); err == nil {
			out = append(out, lint.File{Path: n, Text: text})
		}
	}
	return out
}

// root is the first two folders of an absolute path: /etc/nginx.
func root(p string) string {
	parts := strings.SplitN(filepath.ToSlash(p), "/", 4)
	return strings.Join(parts[:min(3, len(parts))], "/")
}

// maxVisited bounds how many entries of a folder are looked at for an include.
const maxVisited = 5000

// below looks for a file that an include names, in the folders below dir. Of several, the one counts
// whose folder the linted file is named after, then the one beside a nginx.conf, which makes a
// folder a root of configuration.
func below(dir, from, include string) []string {
	base := path.Base(filepath.ToSlash(include))
	if strings.ContainsAny(base, "*?[") {
		return nil
	}
	var found []string
	visited := 0
	_ = filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		visited++
		rel, _ := filepath.Rel(dir, p)
		switch {
		case visited > maxVisited:
			return filepath.SkipAll
		case err != nil, d.IsDir() && strings.Count(rel, string(filepath.Separator)) > 3:
			return filepath.SkipDir
		case !d.IsDir() && d.Name() == base && p != from:
			found = append(found, p)
		}
		return nil
	})
	if len(found) < 2 {
		return found
	}
	for _, p := range found {
		if strings.Contains(filepath.Base(from), filepath.Base(filepath.Dir(p))) {
			return []string{p}
		}
	}
	for _, p := range found {
		if _, err := os.Stat(filepath.Join(filepath.Dir(p), "nginx.conf")); err == nil {
			return []string{p}
		}
	}
	return nil // none of them is more likely than the others
}

// reason is an error of the file system without the path, which is said already.
func reason(err error) string {
	var p *os.PathError
	if errors.As(err, &p) {
		return fmt.Sprintf("%s: %s", p.Op, p.Err)
	}
	return err.Error()
}
