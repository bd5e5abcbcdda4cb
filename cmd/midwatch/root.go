package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"midwatch/checks/catalog"
)

const about = `midwatch is the operations console for the engineer on call.

It shows the fleet as it is now, hosts, containers, units and their logs, over one SSH connection per
host and with nothing installed there. It starts read-only: changing anything needs the write lease,
a reason and an end.

Without an inventory (~/.config/midwatch/hosts.toml, see "midwatch hosts import") it shows this
machine. "midwatch demo" shows a fleet that lives inside the program.`

// rootCommand builds the tree of commands. Parsing leaves traces in it, so it is built per run.
func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "midwatch",
		Short: "The operations console for the engineer on call",
		Long:  about,
		Example: `# the console on your inventory
midwatch

# the console on the embedded demo fleet
midwatch demo --world cortex

# one line a host, for scripts
midwatch status --json`,
		Args: unknownCommand,
		Run:  a.does(a.runConsole),

		SuggestionsMinimumDistance: 2,
	}
	f := root.PersistentFlags()
	f.StringVar(&a.flags.config, "config", "", "inventory FILE; without it hosts.toml of the configuration directory")
	f.Var(&choice{&a.flags.demo, demoWorlds()}, "demo", "use the embedded demo fleet: a world, or all of them")
	f.StringVar(&a.flags.from, "from", "", "a capture FILE to look at, in place of the hosts")
	f.StringVar(&a.flags.debug, "debug", "", "append what the program does to FILE")
	f.Var(&choice{&a.flags.theme, []string{"auto", "dark", "light"}}, "theme", "colours for a background: dark, light or auto")
	f.BoolVar(&a.flags.ascii, "ascii", false, "borders and signs from ASCII only")
	f.BoolVar(&a.flags.noColor, "no-color", false, "no colours; NO_COLOR says the same")
	f.BoolVar(&a.flags.json, "json", false, "print JSON, where a command has it")
	root.Flags().BoolVar(&a.flags.noLast, "no-last", false, "neither show nor keep what was known the last time")
	_ = root.RegisterFlagCompletionFunc("theme", cobra.FixedCompletions([]string{"auto", "dark", "light"}, cobra.ShellCompDirectiveNoFileComp))
	_ = root.RegisterFlagCompletionFunc("demo", cobra.FixedCompletions(demoWorlds(), cobra.ShellCompDirectiveNoFileComp))
	root.AddCommand(
		a.demoCommand(), a.statusCommand(), a.logsCommand(), a.hostsCommand(), a.auditCommand(), a.captureCommand(), a.diffCommand(), a.traceCommand(), a.lintCommand(), a.checkCommand(), a.mendCommand(), a.versionCommand(),
		a.deployCommand(), a.rollbackCommand(), a.runsCommand(), a.lockCommand(),
		&cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: exitCodesText},
		&cobra.Command{Use: "checks", Short: "Every check, with its fix", Long: pages(catalog.All())},
		&cobra.Command{Use: "definitions", Short: "How deploys are defined", Long: definitionsPage()},
		&cobra.Command{Use: "json", Short: "The documents that --json prints", Long: jsonText + jsonRunsText},
	)
	return root
}

// unknownCommand refuses arguments of the root, on one line.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	meant := ""
	if s := cmd.SuggestionsFor(args[0]); len(s) > 0 {
		meant = fmt.Sprintf(", did you mean %s?", strings.Join(s, " or "))
	}
	return fmt.Errorf("unknown command %q%s", args[0], meant)
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// choice is a flag with a few values.
type choice struct {
	to    *string
	words []string
}

func (c *choice) String() string { return *c.to }
func (c *choice) Type() string   { return "string" }
func (c *choice) Set(s string) error {
	if !slices.Contains(c.words, s) {
		return fmt.Errorf("want one of %s", strings.Join(c.words, ", "))
	}
	*c.to = s
	return nil
}
