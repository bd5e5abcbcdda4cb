package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/charmbracelet/fang"
	"github.com/spf13/cobra"

	"midwatch/cmd/midwatch/internal/tty"
	"midwatch/hosts/capture"
	"midwatch/tui/ui"
)

// app is one run of the program: what it was given, and what the flags say.
type app struct {
	stdin          *os.File
	stdout, stderr *os.File
	getenv         func(string) string
	now            func() time.Time
	log            *slog.Logger
	closers        []io.Closer // closed by report, last first
	signals        signals
	prompter       tty.Prompter
	die            func(exitCode) // ends the process at once, for a second signal

	flags    globals
	demoWish demoFlags
	demoNow  *demoFleet       // nil on real hosts
	capture  *capture.Capture // of --from; nil without
	first    *ui.OpenMsg      // what the console shows at first; nil for its first tab
	spill    string           // file for what falls out of a log's memory; "" as the inventory says
	err      error            // of the command that ran
}

// globals are the flags that every command has.
type globals struct {
	config, demo, debug string
	from                string
	theme               string
	ascii, noColor      bool
	json                bool
	noLast              bool // the console's own
}

func newApp(stdin, stdout, stderr *os.File, getenv func(string) string) *app {
	return &app{stdin: stdin, stdout: stdout, stderr: stderr, getenv: getenv, now: time.Now, log: slog.New(slog.DiscardHandler), die: func(exitCode) {}}
}

// execute parses the arguments and runs the command they name. fang styles help and makes the man
// page; errors are not shown by it, because it asks the terminal for its colours first and waits for
// the answer.
func (a *app) execute(ctx context.Context, args []string) error {
	root := a.rootCommand() //nolint:contextcheck // cobra hands ctx to the commands itself
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	if err := a.checkUsage(args); err != nil { //nolint:contextcheck // nothing is run
		return err
	}
	v := versionInfo()
	err := fang.Execute(ctx, root, fang.WithVersion(v.Version), fang.WithCommit(v.Commit),
		fang.WithErrorHandler(func(io.Writer, fang.Styles, error) {}))
	if err != nil {
		return &exitError{exitUsage, err}
	}
	return a.err
}

// checkUsage looks for mistakes in the arguments before fang does, in a tree of commands of its own:
// parsing leaves traces in the flags.
func (a *app) checkUsage(args []string) error {
	scratch := newApp(a.stdin, a.stdout, a.stderr, a.getenv)
	root := scratch.rootCommand()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd(args...)
	root.AddCommand(&cobra.Command{Use: "man", Run: func(*cobra.Command, []string) {}})
	root.Flags().Bool("version", false, "")
	if len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd) {
		return nil
	}
	cmd, rest, err := root.Find(args)
	if err == nil {
		cmd.InitDefaultHelpFlag()
		err = cmd.ParseFlags(rest)
		if help, _ := cmd.Flags().GetBool("help"); err == nil && !help {
			err = errors.Join(cmd.ValidateArgs(cmd.Flags().Args()), cmd.ValidateFlagGroups())
		}
	}
	if err == nil {
		return nil
	}
	where := "midwatch"
	if cmd != nil {
		where = cmd.CommandPath()
	}
	return wrong("%s; see %s --help", firstLine(err.Error()), where)
}

// does makes a command's run function of one of ours: the error is kept, not returned, because what
// fang does with errors asks the terminal.
func (a *app) does(fn func(ctx context.Context, args []string) error) func(*cobra.Command, []string) {
	return func(cmd *cobra.Command, args []string) {
		if a.err = a.openDebug(); a.err != nil {
			return
		}
		ctx := cmd.Context()
		a.err = fn(ctx, args)
		if cause := context.Cause(ctx); cause != nil && errors.Is(a.err, context.Canceled) {
			a.err = cause
		}
	}
}

// openDebug opens the file of --debug.
func (a *app) openDebug() error {
	if a.flags.debug == "" {
		return nil
	}
	f, err := os.OpenFile(a.flags.debug, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return wrong("open debug file: %w", err)
	}
	a.closers = append(a.closers, f)
	a.log = slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: slog.LevelDebug}))
	a.log.Info("started", "version", versionInfo().Version, "args", len(os.Args)-1)
	return nil
}

// report tells what went wrong and returns the exit code.
func (a *app) report(err error) exitCode {
	code := codeOf(err)
	if err != nil {
		a.log.Info("ended", "code", int(code), "err", err.Error())
		_, _ = io.WriteString(a.stderr, message(err))
	}
	for i := len(a.closers) - 1; i >= 0; i-- {
		_ = a.closers[i].Close()
	}
	return code
}

// printf writes to standard output.
func (a *app) printf(format string, args ...any) error {
	_, err := fmt.Fprintf(a.stdout, format, args...)
	return err
}
