package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"midwatch/hosts/demo"
	"midwatch/hosts/inventory"
)

// demoFlags say how the demo fleet is to be, and to misbehave.
type demoFlags struct {
	worlds  []string
	hosts   int
	latency time.Duration
	loss    float64
	hang    []string
	seed    uint64
	calm    bool
	window  int // of each connection; no flag: for tests whose clock stands still
}

func (a *app) demoCommand() *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Open the console on the embedded demo fleet",
		Long: `Open the console on hosts that live inside the program. They are reached as any other, through SSH and
the Docker API, and they live: containers start, fail and restart, load moves, logs flow, and now and
then a host drops out. Nothing outside the program is touched, and it needs no network.

"midwatch --demo WORLD COMMAND" runs any other command on them.`,
		Example: `midwatch demo
midwatch demo --world cortex
midwatch demo --hosts 50 --latency 80ms --loss 0.01
midwatch demo --world cortex --hang edge-90:docker`,
		Args: cobra.NoArgs,
		Run: a.does(func(ctx context.Context, _ []string) error {
			if a.flags.demo != "" && len(f.worlds) == 0 {
				f.worlds = []string{a.flags.demo}
			}
			a.demoWish = f
			if len(f.worlds) == 0 {
				a.demoWish.worlds = []string{allWorlds}
			}
			return a.runConsole(ctx, nil)
		}),
	}
	fl := cmd.Flags()
	fl.StringSliceVar(&f.worlds, "world", nil, "only this WORLD ("+strings.Join(demo.Worlds(), ", ")+"); may be given several times")
	fl.IntVar(&f.hosts, "hosts", 0, "at least N hosts: the worlds are copied until there are")
	fl.DurationVar(&f.latency, "latency", 0, "how long everything travels, one way")
	fl.Float64Var(&f.loss, "loss", 0, "the share of what has to be sent twice, 0 to 1")
	fl.StringSliceVar(&f.hang, "hang", nil, "what stops answering: HOST, HOST:docker, HOST:shell, HOST:flood or HOST:nfs")
	fl.Uint64Var(&f.seed, "seed", 0, "another course of events")
	fl.BoolVar(&f.calm, "calm", false, "nothing breaks that is not broken from the start")
	_ = cmd.RegisterFlagCompletionFunc("world", cobra.FixedCompletions(demoWorlds(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

const allWorlds = "all"

// demoWorlds are the words that --demo takes.
func demoWorlds() []string { return append([]string{allWorlds}, demo.Worlds()...) }

func (f demoFlags) check() error {
	switch {
	case f.hosts < 0 || f.hosts > 1000:
		return wrong("--hosts wants 0 to 1000")
	case f.loss < 0 || f.loss >= 1:
		return wrong("--loss wants a share from 0 to below 1")
	case f.latency < 0 || f.latency > time.Minute:
		return wrong("--latency wants 0 to 1m")
	}
	for _, w := range f.worlds {
		if !slices.Contains(demoWorlds(), w) {
			return wrong("no world %q, there are %s", w, strings.Join(demoWorlds(), ", "))
		}
	}
	return nil
}

// demoFleet is the demo as commands see it: an inventory and a way to dial.
type demoFleet struct {
	fleet     *demo.Fleet
	dir       string // what a user's machine would have: keys, known_hosts
	inventory *inventory.Inventory
}

// demo starts the demo fleet once a run, when one is wanted; nil when not. It ends with the run.
func (a *app) demo() (*demoFleet, error) {
	wish := a.demoWish
	if len(wish.worlds) == 0 && a.flags.demo != "" {
		wish.worlds = []string{a.flags.demo}
	}
	if a.demoNow != nil || len(wish.worlds) == 0 {
		return a.demoNow, nil
	}
	if a.flags.config != "" {
		return nil, wrong("--config and the demo fleet exclude each other")
	}
	if err := wish.check(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "midwatch-demo-")
	if err != nil {
		return nil, fmt.Errorf("start the demo fleet: %w", err)
	}
	d := &demoFleet{dir: dir}
	a.closers = append(a.closers, d)
	d.fleet, err = demo.New(demo.Params{
		Worlds: wish.worlds, Hosts: wish.hosts, Latency: wish.latency, Loss: wish.loss, Hang: wish.hang,
		Seed: wish.seed, Calm: wish.calm, Window: wish.window, Log: a.log,
	})
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	file, err := d.fleet.Install(dir)
	if err != nil {
		return nil, err
	}
	if d.inventory, err = inventory.Load(file, a.getenv); err != nil {
		return nil, fmt.Errorf("the demo fleet's own inventory, please report this: %w", err)
	}
	a.demoNow = d
	return d, nil
}

// runsDir is where the runs of the demo are kept.
func (d *demoFleet) runsDir() (string, error) {
	dir := filepath.Join(d.dir, runsName)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the directory of runs: %w", err)
	}
	return dir, nil
}

// dialing is how the demo's hosts are reached: never past the process.
func (d *demoFleet) dialing() dialing {
	return dialing{
		dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			return d.fleet.Dial(ctx, network, address)
		},
		getenv: func(string) string { return "" },
		home:   d.dir,
	}
}

// lookup resolves a name as the operator of the demo fleet would: never past the process.
func (d *demoFleet) lookup(_ context.Context, name string) ([]netip.Addr, error) {
	text := d.fleet.Resolve(name)
	if text == "" {
		return nil, errors.New("no such name")
	}
	a, err := netip.ParseAddr(text)
	return []netip.Addr{a}, err
}

// Close ends the fleet and takes its files away.
func (d *demoFleet) Close() error {
	var err error
	if d.fleet != nil {
		err = d.fleet.Close()
	}
	return errors.Join(err, os.RemoveAll(d.dir))
}
