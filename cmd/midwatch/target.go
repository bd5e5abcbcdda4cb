package main

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"strings"

	"midwatch/hosts"
	"midwatch/hosts/inventory"
	"midwatch/hosts/transport"
)

// target is a host of the inventory as the transport wants it.
func target(inv *inventory.Inventory, h *inventory.Host) transport.Target {
	t := transport.Target{
		Name: h.Name, Kind: h.Kind, Address: "", Alias: h.Address, User: h.User, Port: h.SSH.Port,
		Jump:             jumps(inv, h),
		Jumps:            jumpTargets(inv, h),
		IdentityFiles:    expand1(h.SSH.IdentityFiles),
		CertificateFiles: expand1(h.SSH.Certificates),
		KnownHostsFiles:  expand1(h.SSH.KnownHosts),
		IdentityAgent:    inventory.ExpandHome(h.SSH.Agent),
		SSHConfig:        inventory.ExpandHome(h.SSH.Config),
		InsecureHostKey:  h.SSH.InsecureHostKey,
		MaxSessions:      h.SSH.MaxSessions,
		ConnectTimeout:   h.Timeouts.Connect,
		CommandTimeout:   h.Timeouts.Command,

		Keepalive: h.Intervals.Keepalive, KeepaliveDeadline: h.Timeouts.Keepalive,

		Password:     secretFunc(h.SSH.Password, "password of "+h.Name),
		Passphrase:   secretFunc(h.SSH.Passphrase, "passphrase of the key of "+h.Name),
		SudoPassword: secretFunc(h.Sudo.Password, "sudo password of "+h.Name),
	}
	switch h.Sudo.Mode {
	case inventory.SudoNoPasswd:
		t.Sudo = transport.SudoNoPasswd
	case inventory.SudoPassword:
		t.Sudo = transport.SudoPassword
	case inventory.SudoRoot:
		t.Sudo = transport.SudoRoot
	default:
		t.Sudo = transport.SudoNone
	}
	return t
}

func expand1(files []string) []string {
	var out []string
	for _, f := range files {
		out = append(out, inventory.ExpandHome(f))
	}
	return out
}

// secretFunc fetches a secret when it is needed. nil, for none and for a prompt, leaves it to the
// transport's questions.
func secretFunc(s inventory.Secret, what string) transport.SecretFunc {
	if s.IsZero() || s.Prompt || s.Agent {
		return nil
	}
	return func(ctx context.Context) (hosts.Secret, error) { return s.Resolve(ctx, what, nil) }
}

// jumps writes the way to a host as ProxyJump has it. A jump host of the inventory brings its own
// way along.
func jumps(inv *inventory.Inventory, h *inventory.Host) string {
	if len(h.SSH.Jump) == 0 {
		if h.SSH.NoJump {
			return noJump
		}
		return ""
	}
	var out []string
	for i, j := range h.SSH.Jump {
		if j.Host == "" {
			out = append(out, j.Dest)
			continue
		}
		via, ok := inv.Host(j.Host)
		if !ok {
			continue // Parse refuses it
		}
		if i == 0 {
			if before := jumps(inv, via); before != "" && before != noJump {
				out = append(out, before)
			}
		}
		out = append(out, destination(via))
	}
	return strings.Join(out, ",")
}

// jumpTargets are the jump hosts of the inventory on the way to a host, each with what the inventory says
// of it. The way to the first of them stands in jumps already, or is as ssh says.
func jumpTargets(inv *inventory.Inventory, h *inventory.Host) map[string]transport.Target {
	var out map[string]transport.Target
	for _, j := range h.SSH.Jump {
		via, ok := inv.Host(j.Host)
		if j.Host == "" || !ok {
			continue
		}
		t := target(inv, via)
		if out == nil {
			out = map[string]transport.Target{}
		}
		maps.Copy(out, t.Jumps)
		t.Jumps = nil
		if t.Jump != noJump {
			t.Jump = ""
		}
		out[destination(via)] = t
	}
	return out
}

// noJump as a way says that there is none, whatever ssh's configuration has.
const noJump = "none"

// destination is [user@]host[:port] of a host.
func destination(h *inventory.Host) string {
	s := h.Address
	if h.SSH.Port != 0 {
		if strings.Contains(s, ":") {
			s = "[" + s + "]"
		}
		s += ":" + strconv.Itoa(h.SSH.Port)
	}
	if h.User != "" {
		s = h.User + "@" + s
	}
	return s
}

// throughContext changes the way to an engine that a docker context names: over SSH, over TCP, or
// the local socket.
func throughContext(t *transport.Target, d *inventory.Docker, c inventory.DockerContext) error {
	u, err := url.Parse(c.Host)
	if err != nil {
		return fmt.Errorf("docker context %q: endpoint is no URL", c.Name)
	}
	switch u.Scheme {
	case "unix":
		t.Kind, d.Socket = hosts.KindLocal, u.Path
	case "ssh":
		t.Kind, t.Alias, t.User = hosts.KindSSH, u.Hostname(), u.User.Username()
		if p := u.Port(); p != "" {
			t.Port, _ = strconv.Atoi(p) // url.Parse took it for a number
		}
		d.Socket = ""
	case "tcp":
		d.Address, d.CA, d.Cert, d.Key = c.Host, c.CA, c.Cert, c.Key
	default:
		return fmt.Errorf("docker context %q: endpoint %q is none of unix://, tcp://, ssh://", c.Name, c.Host)
	}
	return nil
}
