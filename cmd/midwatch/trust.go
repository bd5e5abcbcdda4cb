package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"midwatch/hosts"
	"midwatch/hosts/inventory"
	"midwatch/hosts/transport"
)

type trustFlags struct {
	accept  []string
	timeout time.Duration
}

func (a *app) trustCommand() *cobra.Command {
	var f trustFlags
	cmd := &cobra.Command{
		Use:   "trust [HOST|GROUP...]",
		Short: "Show host keys and record them in known_hosts",
		Long: `Ask hosts for their keys, compare them with known_hosts, and record those you accept.

Nothing is recorded without an answer: at the terminal, or by naming the fingerprint with --accept. A
key that stands against a recorded or revoked one is refused; the line that has to go is named. The
exit code is 1 when a host is not trusted afterwards, 3 when one was not reached.`,
		Example: `midwatch hosts trust
midwatch hosts trust web1 --accept SHA256:uNiVztksCsDhcc0u9e8BrDXUmU4fqXT0WdUMTmNBbDg`,
		ValidArgsFunction: a.completeHosts,
		Run: a.does(func(ctx context.Context, args []string) error {
			return a.runTrust(ctx, f, args)
		}),
	}
	cmd.Flags().StringSliceVar(&f.accept, "accept", nil, "record keys with this FINGERPRINT without asking; may be given several times")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 10*time.Second, "how long a host may take")
	return cmd
}

// trustJSON is one host of "midwatch hosts trust --json".
type trustJSON struct {
	Host    string         `json:"host"`
	Trusted bool           `json:"trusted"` // a key is on record, certified, or was recorded now
	Error   string         `json:"error,omitempty"`
	Keys    []hostKeyState `json:"keys"`
}

// hostKeyState is one key that a host showed.
type hostKeyState struct {
	Algorithm   string `json:"algorithm"`
	Fingerprint string `json:"fingerprint"`
	State       string `json:"state"` // on record, certified, recorded now, not on record, changed, revoked
	Against     string `json:"against,omitempty"`

	offered transport.OfferedKey
}

func (a *app) runTrust(ctx context.Context, f trustFlags, args []string) error {
	if f.timeout <= 0 {
		return wrong("--timeout wants a duration above zero")
	}
	inv, err := a.inventory()
	if err != nil {
		return err
	}
	names, err := inv.Names(args...)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	var todo []*inventory.Host
	for _, h := range pick(inv, names) {
		if h.Kind == hosts.KindSSH {
			todo = append(todo, h)
		}
	}
	if len(todo) == 0 {
		return wrong("none of these hosts is reached by ssh")
	}
	d, err := a.dialing()
	if err != nil {
		return err
	}
	p := a.params(d)
	p.Ask = a.askAtTerminal()
	results := make([]trustJSON, len(todo))
	targets := make([]transport.Target, len(todo))
	var wg sync.WaitGroup
	for i, h := range todo {
		targets[i] = target(inv, h)
		wg.Go(func() { results[i] = fetchKeys(ctx, targets[i], p, f.timeout) })
	}
	wg.Wait()
	for i := range results {
		if err := a.consent(ctx, &results[i], targets[i], p, f.accept); err != nil {
			return err
		}
	}
	return a.reportTrust(results)
}

func fetchKeys(ctx context.Context, t transport.Target, p transport.Params, wait time.Duration) trustJSON {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	r := trustJSON{Host: t.Name, Keys: []hostKeyState{}}
	keys, err := transport.FetchHostKeys(ctx, t, p)
	if err != nil {
		r.Error = hosts.CleanLine(err.Error())
		return r
	}
	for _, k := range keys {
		s := stateOf(k)
		r.Keys = append(r.Keys, s)
		r.Trusted = r.Trusted || k.Err == nil
	}
	return r
}

// stateOf puts a key's standing in words. A host has several keys; one whose kind is not on record
// yet stands against nothing.
func stateOf(k transport.OfferedKey) hostKeyState {
	s := hostKeyState{Algorithm: k.Algorithm, Fingerprint: k.Fingerprint, State: k.Standing.String(), offered: k}
	var hk *hosts.HostKeyError
	switch {
	case k.Err == nil:
	case !errors.As(k.Err, &hk):
		s.State, s.Against = "refused", hosts.CleanLine(k.Err.Error())
	case hk.Kind == hosts.HostKeyRevoked:
		s.State, s.Against = "revoked", places(hk.Known)
	case hk.Kind == hosts.HostKeyChanged && slices.ContainsFunc(hk.Known, func(l hosts.KnownKey) bool { return l.Algorithm == k.Algorithm }):
		s.State, s.Against = "changed", places(hk.Known)
	default:
		s.State = notOnRecord
	}
	return s
}

const (
	notOnRecord = "not on record"
	recordedNow = "recorded now"
)

func places(known []hosts.KnownKey) string {
	var out []string
	for _, l := range known {
		out = append(out, fmt.Sprintf("%s:%d", l.File, l.Line))
	}
	return strings.Join(out, ", ")
}

// consent records the keys of one host that are accepted. A host that is trusted already, or that
// shows a key which stands against one on record, is not asked about.
func (a *app) consent(ctx context.Context, r *trustJSON, t transport.Target, p transport.Params, accept []string) error {
	if r.Trusted || r.Error != "" {
		return nil
	}
	var fresh []*hostKeyState
	for i := range r.Keys {
		switch k := &r.Keys[i]; k.State {
		case notOnRecord:
			fresh = append(fresh, k)
		default:
			return nil
		}
	}
	var wanted []*hostKeyState
	for _, k := range fresh {
		if slices.Contains(accept, k.Fingerprint) {
			wanted = append(wanted, k)
		}
	}
	if len(accept) == 0 {
		ok, err := a.askTrust(ctx, r.Host, fresh)
		if err != nil || !ok {
			return err
		}
		wanted = fresh
	}
	for _, k := range wanted {
		if err := transport.RecordHostKey(ctx, t, p, k.offered); err != nil {
			r.Error = hosts.CleanLine(err.Error())
			return nil
		}
		k.State, r.Trusted = recordedNow, true
	}
	return nil
}

// askTrust shows the keys and asks. Where nobody can be asked the answer is no.
func (a *app) askTrust(ctx context.Context, host string, keys []*hostKeyState) (bool, error) {
	if !a.isTerminal(a.stdin) {
		return false, nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s is not known. Compare with what its console or its owner says:\n", host)
	for _, k := range keys {
		fmt.Fprintf(&b, "  %-20s %s\n", k.Algorithm, k.Fingerprint)
	}
	b.WriteString("record and trust? (yes/no) ")
	line, err := a.prompter.Ask(ctx, b.String(), true)
	return strings.EqualFold(strings.TrimSpace(line), "yes"), err
}

func (a *app) reportTrust(results []trustJSON) error {
	if a.flags.json {
		if err := a.printJSON(results); err != nil {
			return err
		}
	} else if _, err := a.stdout.WriteString(trustText(results)); err != nil {
		return err
	}
	code := exitOK
	for i := range results {
		switch r := &results[i]; {
		case r.Error != "" && len(r.Keys) == 0:
			code = exitIncomplete
		case !r.Trusted && code == exitOK:
			code = exitFindings
		}
	}
	if code == exitOK {
		return nil
	}
	return silently(code)
}

func trustText(results []trustJSON) string {
	var b strings.Builder
	for i := range results {
		r := &results[i]
		state := "not trusted"
		if r.Trusted {
			state = "trusted"
		}
		if r.Error != "" {
			state += ": " + r.Error
		}
		fmt.Fprintf(&b, "%s: %s\n", r.Host, state)
		for _, k := range r.Keys {
			line := fmt.Sprintf("  %-20s %s  %s", k.Algorithm, k.Fingerprint, k.State)
			if k.Against != "" {
				line += ", see " + k.Against
			}
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}
