package sshd

import (
	"context"
	"io"
	"net"
	"strconv"
	"sync"

	"golang.org/x/crypto/ssh"
)

// forward answers direct-tcpip and direct-streamlocal@openssh.com: it dials through the backend and
// copies both ways until both sides ended.
func (c *conn) forward(ctx context.Context, nch ssh.NewChannel) {
	network, addr, err := target(nch)
	if err != nil {
		_ = nch.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	if (network == "tcp" && c.server.conf.RefuseTCP) || (network == "unix" && c.server.conf.RefuseStreamLocal) {
		_ = nch.Reject(ssh.Prohibited, "open failed")
		return
	}
	out, err := c.server.backend.Dial(ctx, network, addr)
	if err != nil {
		_ = nch.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	ch, reqs, err := nch.Accept()
	if err != nil {
		_ = out.Close()
		return
	}
	c.wg.Go(func() { ssh.DiscardRequests(reqs) })
	splice(ctx, ch, out)
}

// target reads where a forwarding channel wants to go.
func target(nch ssh.NewChannel) (network, addr string, err error) {
	if nch.ChannelType() == "direct-tcpip" {
		var m struct {
			Host     string
			Port     uint32
			OrigHost string
			OrigPort uint32
		}
		err = ssh.Unmarshal(nch.ExtraData(), &m)
		return "tcp", net.JoinHostPort(m.Host, strconv.Itoa(int(m.Port))), err
	}
	var m struct {
		Path     string
		Reserved string
		Unused   uint32
	}
	err = ssh.Unmarshal(nch.ExtraData(), &m)
	return "unix", m.Path, err
}

// splice copies between a channel and a connection, passing on the end of each direction.
func splice(ctx context.Context, ch ssh.Channel, out net.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = out.Close(); _ = ch.Close() })
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := io.Copy(out, ch)
		if cw, ok := out.(interface{ CloseWrite() error }); ok && err == nil {
			_ = cw.CloseWrite()
		} else {
			_ = out.Close()
		}
	})
	wg.Go(func() {
		_, err := io.Copy(ch, out)
		if err == nil {
			err = ch.CloseWrite()
		}
		if err != nil {
			_ = ch.Close()
			_ = out.Close()
		}
	})
	wg.Wait()
	_ = ch.Close()
	_ = out.Close()
}
