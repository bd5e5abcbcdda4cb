package main

import (
	"context"
	"path/filepath"

	"github.com/spf13/cobra"

	"midwatch/hosts/inventory"
)

func (a *app) hostsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hosts",
		Short: "Set up the inventory: import, test, trust",
		Args:  unknownCommand,

		SuggestionsMinimumDistance: 2,
		Run: func(cmd *cobra.Command, _ []string) {
			_ = cmd.Help()
		},
	}
	cmd.AddCommand(a.importCommand(), a.testCommand(), a.trustCommand())
	return cmd
}

type importFlags struct {
	from  string
	write bool
	force bool
}

func (a *app) importCommand() *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Write an inventory from your OpenSSH configuration",
		Long: `Print a hosts.toml with the hosts that your OpenSSH configuration names without wildcards, Include
followed. Addresses are the ssh aliases, so what ssh knows of them keeps counting.

--write puts it where midwatch looks for it (or at --config FILE) unless there is one already.`,
		Example: `midwatch hosts import
midwatch hosts import --write
midwatch --config ./hosts.toml hosts import --write --force`,
		Args: cobra.NoArgs,
		Run:  a.does(func(context.Context, []string) error { return a.runImport(f) }),
	}
	cmd.Flags().StringVar(&f.from, "ssh-config", "~/.ssh/config", "the OpenSSH configuration FILE to read")
	cmd.Flags().BoolVar(&f.write, "write", false, "write the file instead of printing it")
	cmd.Flags().BoolVar(&f.force, "force", false, "replace an inventory that exists, with --write")
	return cmd
}

func (a *app) runImport(f importFlags) error {
	if f.force && !f.write {
		return wrong("--force goes with --write")
	}
	found, err := inventory.ReadSSHConfig(inventory.ExpandHome(f.from))
	if err != nil {
		return &exitError{exitUsage, err}
	}
	text := inventory.Render(found, f.from)
	if !f.write {
		_, err := a.stdout.Write(text)
		return err
	}
	file := a.flags.config
	if file == "" {
		dir := inventory.ConfigDir(a.getenv)
		if dir == "" {
			return wrong("write inventory: neither XDG_CONFIG_HOME nor HOME is set; name a file with --config")
		}
		file = filepath.Join(dir, inventory.FileName)
	}
	if err := inventory.WriteNew(file, text, f.force); err != nil {
		return &exitError{exitUsage, err}
	}
	return a.printf("%s: %d hosts\n", file, len(found))
}

// completeHosts offers the names of hosts.
func (a *app) completeHosts(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return a.names(func(inv *inventory.Inventory) (out []string) {
		for i := range inv.Hosts {
			out = append(out, inv.Hosts[i].Name)
		}
		return out
	})
}

// completeGroups offers the names of groups.
func (a *app) completeGroups(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return a.names(func(inv *inventory.Inventory) (out []string) {
		for _, g := range inv.Groups {
			out = append(out, g.Name)
		}
		return out
	})
}

// completeSources offers what can be known without asking a host.
func (a *app) completeSources(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	names, directive := a.names(func(inv *inventory.Inventory) []string {
		out := []string{"container:", "unit:", "events", "probes", "compose:", "service:", "target:"}
		for _, l := range inv.Logs {
			out = append(out, l.Name)
		}
		for i := range inv.Hosts {
			for _, kind := range []string{"container:", "unit:", "file:/", "journal", "events", "probes"} {
				out = append(out, inv.Hosts[i].Name+"/"+kind)
			}
		}
		return out
	})
	return names, directive | cobra.ShellCompDirectiveNoSpace
}

func (a *app) names(of func(*inventory.Inventory) []string) ([]string, cobra.ShellCompDirective) {
	inv, err := a.inventory()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return of(inv), cobra.ShellCompDirectiveNoFileComp
}
