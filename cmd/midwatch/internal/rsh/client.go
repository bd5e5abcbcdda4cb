package rsh

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
)

// Word is the first argument that makes the program a remote shell.
const Word = "__rsh"

// Main is the program as a remote shell: args are SOCKET HOST COMMAND…, options of ssh before the host are left
// out. It returns the exit status.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	code, err := talk(ctx, args, stdin, stdout, stderr)
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "midwatch: %v\n", err)
		return exitLost
	}
	return code
}

func talk(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	if len(args) < 3 {
		return 0, fmt.Errorf("%s is called by rsync: it wants a socket, a host and a command", Word)
	}
	words := args[1:]
	for len(words) > 0 && strings.HasPrefix(words[0], "-") {
		words = words[min(2, len(words)):] // -l USER
	}
	if len(words) < 2 {
		return 0, fmt.Errorf("no command for %s", args[0])
	}
	c, err := new(net.Dialer).DialContext(ctx, "unix", args[0])
	if err != nil {
		return 0, fmt.Errorf("the console that started this is gone: %w", err)
	}
	defer c.Close()
	if err := writeCommand(c, words[1:]); err != nil {
		return 0, err
	}
	go func() {
		_, _ = io.Copy(c, stdin)
		if u, ok := c.(*net.UnixConn); ok {
			_ = u.CloseWrite()
		}
	}()
	buf := make([]byte, maxFrame)
	for {
		kind, p, err := readFrame(c, buf)
		if err != nil {
			return 0, fmt.Errorf("the connection ended: %w", err)
		}
		switch kind {
		case frameOut:
			_, err = stdout.Write(p)
		case frameErr:
			_, err = stderr.Write(p)
		case frameExit:
			if len(p) == 1 {
				return int(p[0]), nil
			}
		}
		if err != nil {
			return 0, err
		}
	}
}
