package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"midwatch/hosts"
	"midwatch/hosts/docker"
	"midwatch/hosts/inventory"
)

func (a *app) testCommand() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "test [HOST|GROUP...]",
		Short: "Tell what is reachable and what midwatch may do there",
		Long: `Connect to hosts and tell, for each: the way and the login, the host key, who we are there, whether
sudo works as the inventory says, whether the Docker engine answers and how it is reached, and how much
of the journal can be read.

The exit code is 3 when a host was not reached, 1 when something that the inventory promises does not
work.`,
		Example: `midwatch hosts test
midwatch hosts test production --json | jq -r '.[] | select(.docker.works | not) | .name'`,
		ValidArgsFunction: a.completeHosts,
		Run: a.does(func(ctx context.Context, args []string) error {
			return a.runTest(ctx, timeout, args)
		}),
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 20*time.Second, "how long a host may take")
	return cmd
}

// hostTest is one host of "midwatch hosts test --json".
type hostTest struct {
	Name    string   `json:"name"`
	Kind    string   `json:"kind"`
	Skipped string   `json:"skipped,omitempty"` // its maintenance
	Reached bool     `json:"reached"`
	Reason  string   `json:"reason,omitempty"` // why not
	Via     string   `json:"via,omitempty"`
	Seconds float64  `json:"seconds,omitempty"` // from dialling to the first answer
	Login   *login   `json:"login"`             // null where there is none
	User    *account `json:"user"`
	Sudo    *ability `json:"sudo"`
	Docker  *ability `json:"docker"`
	Journal *ability `json:"journal"`
	Systemd string   `json:"systemd,omitempty"` // version
	Notes   []string `json:"notes,omitempty"`
}

type login struct {
	Method       string `json:"method"`
	HostKey      string `json:"host_key"`
	HostKeyState string `json:"host_key_state"`
	Server       string `json:"server"`
}

type account struct {
	Name   string   `json:"name"`
	UID    int      `json:"uid"`
	Groups []string `json:"groups"`
}

// ability is something we may be able to do on a host.
type ability struct {
	Works    bool   `json:"works"`
	Promised bool   `json:"promised"` // the inventory says that it does
	Detail   string `json:"detail"`   // how, or why not
	Needs    string `json:"needs,omitempty"`
}

func (a *app) runTest(ctx context.Context, timeout time.Duration, args []string) error {
	if timeout <= 0 {
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
	w, err := a.open(ctx, inv, opening{hosts: names, failFast: true, ask: a.askAtTerminal()})
	if err != nil {
		return err
	}
	defer w.Close()
	chosen := pick(inv, names)
	results := make([]hostTest, len(chosen))
	var wg sync.WaitGroup
	for i, h := range chosen {
		wg.Go(func() {
			limited, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			results[i] = w.nodes[h.Name].test(limited)
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return a.reportTest(results)
}

// test asks a host everything. What fails is noted and the rest is asked all the same.
func (n *node) test(ctx context.Context) hostTest {
	h := n.host
	t := hostTest{Name: h.Name, Kind: h.Kind.String(), Skipped: h.Maintenance}
	if t.Skipped != "" {
		return t
	}
	began := time.Now()
	if h.Kind == hosts.KindDocker {
		t.Docker = n.testDocker(ctx, true)
		t.Reached, t.Via, t.Seconds = t.Docker.Works, n.link.State().Via, time.Since(began).Seconds()
		if !t.Reached {
			t.Reason = t.Docker.Detail
		}
		return t
	}
	res, err := n.link.Run(ctx, hosts.Cmd{Argv: []string{"sh", "-c", whoScript}})
	state := n.link.State()
	t.Via = state.Via
	if err != nil {
		t.Reason = strings.TrimPrefix(hosts.CleanLine(err.Error()), h.Name+": ")
		return t
	}
	t.Reached, t.Seconds = true, time.Since(began).Seconds()
	if state.Warning != "" {
		t.Notes = append(t.Notes, state.Warning)
	}
	if f := n.link.Facts(); h.Kind == hosts.KindSSH {
		t.Via = f.Via
		t.Login = &login{f.Auth, f.HostKey, f.HostKeyStatus.String(), hosts.CleanLine(f.Server)}
	}
	t.User, t.Systemd = parseWho(string(res.Stdout))
	t.Sudo = n.testSudo(ctx, t.User)
	t.Journal = n.testJournal(ctx, t.Systemd != "")
	if !h.Docker.Off {
		t.Docker = n.testDocker(ctx, !n.absent)
	}
	return t
}

// whoScript prints who we are and what systemd there is, a line each.
const whoScript = `id -un; id -u; id -Gn; systemctl --version 2>/dev/null | head -n 1`

func parseWho(out string) (*account, string) {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) < 3 {
		return nil, ""
	}
	uid, err := strconv.Atoi(strings.TrimSpace(lines[1]))
	if err != nil {
		return nil, ""
	}
	u := &account{Name: hosts.CleanLine(lines[0]), UID: uid, Groups: strings.Fields(hosts.CleanLine(lines[2]))}
	if len(lines) < 4 {
		return u, ""
	}
	// "systemd 252 (252.30-1~deb12u2)"
	if f := strings.Fields(lines[3]); len(f) >= 2 && f[0] == "systemd" {
		return u, hosts.CleanLine(f[1])
	}
	return u, ""
}

func (n *node) testSudo(ctx context.Context, who *account) *ability {
	switch {
	case n.host.Sudo.Mode != inventory.SudoNone:
	case who != nil && who.UID == 0:
		return &ability{Works: true, Detail: "not needed, the login is root"}
	default:
		return &ability{Detail: "not used: the inventory says sudo = \"none\""}
	}
	s := &ability{Promised: true}
	res, err := n.link.Run(ctx, hosts.Cmd{Argv: []string{"id", "-u"}, Sudo: true})
	switch {
	case err != nil:
		s.Detail = hosts.CleanLine(err.Error())
	case strings.TrimSpace(string(res.Stdout)) != "0":
		s.Detail = fmt.Sprintf("gave uid %s, not 0 %s", hosts.CleanLine(string(res.Stdout)), hosts.CleanLine(string(res.Stderr)))
	default:
		s.Works, s.Detail = true, n.host.Sudo.Mode.String()
	}
	return s
}

func (n *node) testDocker(ctx context.Context, promised bool) *ability {
	d := &ability{Promised: promised}
	e, err := n.docker.Engine(ctx)
	if err != nil {
		d.Detail, d.Needs = hosts.CleanLine(err.Error()), docker.Needs(err)
		return d
	}
	d.Works, d.Detail = true, fmt.Sprintf("engine %s, API %s", hosts.CleanLine(e.Version), hosts.CleanLine(e.APIVersion))
	if n.dialer != nil {
		d.Detail += ", by " + n.dialer.Way().String()
	}
	return d
}

func (n *node) testJournal(ctx context.Context, systemd bool) *ability {
	if !systemd {
		return &ability{Detail: "no systemd"}
	}
	const allowed = "root, or membership in systemd-journal or adm"
	j := new(ability)
	sudo := n.host.Sudo.Mode != inventory.SudoNone
	res, err := n.link.Run(ctx, hosts.Cmd{Argv: []string{"journalctl", "--no-pager", "--lines=0"}, Sudo: sudo, Limit: 4096})
	said := hosts.CleanLine(string(res.Stderr))
	switch {
	case err != nil:
		j.Detail = hosts.CleanLine(err.Error())
	case strings.Contains(said, "not seeing messages"):
		j.Detail, j.Needs = "only messages of the own user", allowed
	case res.Exit != 0:
		j.Detail, j.Needs = firstOf(said, fmt.Sprintf("journalctl ended with %d", res.Exit)), allowed
	default:
		j.Works, j.Detail = true, "all messages"
	}
	return j
}

func firstOf(words ...string) string {
	for _, w := range words {
		if w != "" {
			return w
		}
	}
	return ""
}

func (a *app) reportTest(results []hostTest) error {
	var err error
	if a.flags.json {
		err = a.printJSON(results)
	} else {
		_, err = a.stdout.WriteString(testText(results))
	}
	code := exitOK
	for i := range results {
		switch r := &results[i]; {
		case r.Skipped != "":
		case !r.Reached:
			code = exitIncomplete
		case code == exitOK && (r.Sudo.broken() || r.Docker.broken() || r.Journal.broken()):
			code = exitFindings
		}
	}
	if code == exitOK {
		return err
	}
	return errors.Join(err, silently(code))
}

// broken reports something that was promised and does not work.
func (x *ability) broken() bool { return x != nil && x.Promised && !x.Works }

func (x *ability) String() string {
	s := "no: "
	if x.Works {
		s = "yes: "
	}
	s += x.Detail
	if x.Needs != "" && !strings.HasSuffix(s, x.Needs) { // a reason may end with the advice
		s += "; needs " + x.Needs
	}
	return s
}

func testText(results []hostTest) string {
	var b strings.Builder
	for i := range results {
		r := &results[i]
		switch {
		case r.Skipped != "":
			fmt.Fprintf(&b, "%s: in maintenance: %s\n", r.Name, hosts.CleanLine(r.Skipped))
			continue
		case !r.Reached:
			fmt.Fprintf(&b, "%s: NOT reached: %s\n", r.Name, r.Reason)
			continue
		}
		fmt.Fprintf(&b, "%s: reached in %.0f ms\n", r.Name, r.Seconds*1000)
		line := func(name, text string) {
			if text != "" {
				fmt.Fprintf(&b, "  %-9s %s\n", name, text)
			}
		}
		line("way", r.Via)
		if r.Login != nil {
			line("login", r.Login.Method)
			line("host key", r.Login.HostKey+", "+r.Login.HostKeyState)
		}
		if r.User != nil {
			line("user", fmt.Sprintf("%s, uid %d, groups %s", r.User.Name, r.User.UID, strings.Join(r.User.Groups, " ")))
		}
		for _, x := range []struct {
			name string
			*ability
		}{{"sudo", r.Sudo}, {"docker", r.Docker}, {"journal", r.Journal}} {
			if x.ability != nil {
				line(x.name, x.String())
			}
		}
		line("systemd", r.Systemd)
		for _, note := range r.Notes {
			line("note", note)
		}
	}
	return b.String()
}
