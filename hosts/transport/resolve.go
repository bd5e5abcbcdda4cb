package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
)

// resolveTimeout bounds ssh -G: a "Match exec" in the configuration runs programs.
const resolveTimeout = 10 * time.Second

// noConfig as Target.SSHConfig switches ssh -G off.
const noConfig = "none"

// Resolve returns how t is reached: what ssh -G says, with the fields of t over it, and file names
// expanded. On a machine without an ssh program, OpenSSH's defaults stand for its answer; the user's
// ~/.ssh/config is not read then, and t has to name what is not default.
func Resolve(ctx context.Context, t Target, p Params) (Settings, error) {
	p = p.withDefaults()
	return resolve(ctx, t, p)
}

func resolve(ctx context.Context, t Target, p Params) (Settings, error) {
	s, err := ask(ctx, t, p)
	if err != nil {
		return Settings{}, err
	}
	s.override(t)
	local := localUser(p)
	if s.User == "" {
		s.User = local
	}
	return s.expand(tokensFor(s, p, local))
}

// ask runs ssh -G, or takes the defaults.
func ask(ctx context.Context, t Target, p Params) (Settings, error) {
	name := t.Alias
	if name == "" {
		name = t.Address
	}
	if name == "" {
		return Settings{}, fmt.Errorf("resolve %s: neither an address nor an ssh alias", t.Name)
	}
	if name[0] == '-' {
		return Settings{}, fmt.Errorf("resolve %s: host name %q begins with a dash", t.Name, name)
	}
	if t.SSHConfig == noConfig {
		return defaultSettings(name), nil
	}
	ssh, err := exec.LookPath("ssh")
	if err != nil {
		return defaultSettings(name), nil // documented: without ssh the defaults hold
	}
	args := []string{"-G"}
	if t.SSHConfig != "" {
		args = append(args, "-F", t.SSHConfig)
	}
	if t.User != "" { // Match user sees what will be used
		args = append(args, "-l", t.User)
	}
	if t.Port != 0 {
		args = append(args, "-p", strconv.Itoa(t.Port))
	}
	out, err := runSSH(ctx, p, ssh, append(args, "--", name))
	if err != nil {
		return Settings{}, fmt.Errorf("resolve %s: ssh -G %s: %w", t.Name, name, err)
	}
	s, err := ParseSettings(out)
	if err != nil {
		return Settings{}, fmt.Errorf("resolve %s: %w", t.Name, err)
	}
	s.Alias = name
	return s, nil
}

func runSSH(ctx context.Context, p Params, ssh string, args []string) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, resolveTimeout, hosts.ErrTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, ssh, args...)
	cmd.Env = p.Environ
	cmd.WaitDelay = time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err == nil {
		return out.Bytes(), nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && errs.Len() > 0 {
		// ssh names the line first and then says that it gives up.
		first, _, _ := strings.Cut(strings.TrimSpace(errs.String()), "\n")
		return nil, errors.New(cleanLine(first))
	}
	return nil, err
}

// override lays the fields of t over what ssh says.
func (s *Settings) override(t Target) {
	if t.Address != "" && t.Alias != "" {
		s.HostName = t.Address
	}
	if t.User != "" {
		s.User = t.User
	}
	if t.Port != 0 {
		s.Port = t.Port
	}
	if t.Jump != "" || t.ProxyCommand != "" {
		s.ProxyJump, s.ProxyCommand = notNone(t.Jump), notNone(t.ProxyCommand)
	}
	if len(t.IdentityFiles) > 0 {
		s.IdentityFiles = t.IdentityFiles
	}
	if len(t.CertificateFiles) > 0 {
		s.CertificateFiles = t.CertificateFiles
	}
	if t.IdentityAgent != "" {
		s.IdentityAgent = t.IdentityAgent
	}
	if len(t.KnownHostsFiles) > 0 {
		s.UserKnownHosts, s.GlobalKnownHosts = t.KnownHostsFiles, nil
	}
	if t.ConnectTimeout > 0 {
		s.ConnectTimeout = t.ConnectTimeout
	}
	if s.ConnectTimeout <= 0 {
		s.ConnectTimeout = 10 * time.Second
	}
}

// expand resolves ~, variables and tokens in what is used as a file name or a command.
func (s Settings) expand(t tokens) (Settings, error) {
	lists := []*[]string{&s.IdentityFiles, &s.CertificateFiles, &s.UserKnownHosts, &s.GlobalKnownHosts}
	for _, l := range lists {
		out, err := t.paths(*l)
		if err != nil {
			return s, fmt.Errorf("resolve %s: %w", s.Alias, err)
		}
		*l = out
	}
	var err error
	if s.RevokedHostKeys, err = t.path(s.RevokedHostKeys); err != nil {
		return s, fmt.Errorf("resolve %s: %w", s.Alias, err)
	}
	switch {
	case s.IdentityAgent == "" || s.IdentityAgent == "SSH_AUTH_SOCK":
		s.IdentityAgent = t.getenv("SSH_AUTH_SOCK")
	case strings.HasPrefix(s.IdentityAgent, "$"):
		s.IdentityAgent = t.getenv(strings.Trim(s.IdentityAgent, "${}"))
	default:
		if s.IdentityAgent, err = t.path(s.IdentityAgent); err != nil {
			return s, fmt.Errorf("resolve %s: %w", s.Alias, err)
		}
	}
	s.IdentityAgent = notNone(s.IdentityAgent)
	if s.ProxyCommand != "" {
		if s.ProxyCommand, err = t.percent(s.ProxyCommand); err != nil {
			return s, fmt.Errorf("resolve %s: ProxyCommand: %w", s.Alias, err)
		}
	}
	return s, nil
}

// localUser is the login name on this machine, ssh's default for the remote one.
func localUser(p Params) string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	if name := p.Getenv("USER"); name != "" {
		return name
	}
	return strconv.Itoa(os.Getuid())
}
