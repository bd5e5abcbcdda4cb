package rsh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"midwatch/hosts"
)

// maxSocket is the longest path of a unix socket that every system takes.
const maxSocket = 100

// Server runs commands on one host.
type Server struct {
	conn hosts.Conn
	dir  string
	l    net.Listener
	stop context.CancelFunc
	work sync.WaitGroup
}

// Serve listens until Close or the end of ctx. dirs are where the directory of the socket may lie, the first in
// which its path is short enough is taken; "" is left out.
func Serve(ctx context.Context, conn hosts.Conn, dirs ...string) (*Server, error) {
	dir, err := socketDir(dirs)
	if err != nil {
		return nil, fmt.Errorf("open a socket for rsync: %w", err)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", filepath.Join(dir, "s"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open a socket for rsync: %w", err), os.RemoveAll(dir))
	}
	ctx, stop := context.WithCancel(ctx)
	s := &Server{conn: conn, dir: dir, l: l, stop: stop}
	s.work.Go(func() { s.accept(ctx) })
	context.AfterFunc(ctx, func() { _ = l.Close() })
	return s, nil
}

func socketDir(dirs []string) (string, error) {
	var last error
	for _, d := range dirs {
		if d == "" || len(d)+len("/mw-0123456789/s") > maxSocket {
			continue
		}
		dir, err := os.MkdirTemp(d, "mw-") // 0700
		if err == nil {
			return dir, nil
		}
		last = err
	}
	if last == nil {
		last = errors.New("every directory for it has too long a path")
	}
	return "", last
}

// Socket is the path of the socket.
func (s *Server) Socket() string { return s.l.Addr().String() }

// Close ends the commands that run, waits for that and removes the socket.
func (s *Server) Close() error {
	s.stop()
	err := s.l.Close()
	s.work.Wait()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

func (s *Server) accept(ctx context.Context) {
	for {
		c, err := s.l.Accept()
		if err != nil {
			return
		}
		s.work.Go(func() {
			defer c.Close()
			stop := context.AfterFunc(ctx, func() { _ = c.Close() })
			defer stop()
			s.serve(ctx, c)
		})
	}
}

// serve runs one command.
func (s *Server) serve(ctx context.Context, c net.Conn) {
	words, err := readCommand(c)
	if err != nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// As sshd has it: the words are joined, and a shell takes them apart. rsync quotes for that.
	st, err := s.conn.Stream(ctx, hosts.Cmd{Argv: []string{"sh", "-c", strings.Join(words, " ")}, Stdin: &input{c, cancel}})
	if err != nil {
		s.end(c, hosts.Result{Stderr: []byte("midwatch: " + err.Error() + "\n"), Exit: exitLost})
		return
	}
	defer st.Close()
	buf := make([]byte, maxFrame)
	for {
		n, err := st.Read(buf)
		if n > 0 && writeFrame(c, frameOut, buf[:n]) != nil {
			return // rsync is gone
		}
		if err != nil {
			break
		}
	}
	res, err := st.Wait()
	if err != nil {
		res.Stderr, res.Exit = append(res.Stderr, "midwatch: "+err.Error()+"\n"...), exitLost
	} else if res.Signal != "" {
		res.Exit = exitLost
	}
	s.end(c, res)
}

// exitLost is what ssh ends with when the connection did not last.
const exitLost = 255

func (s *Server) end(c net.Conn, res hosts.Result) {
	for text := res.Stderr; len(text) > 0; {
		n := min(len(text), maxFrame)
		if writeFrame(c, frameErr, text[:n]) != nil {
			return
		}
		text = text[n:]
	}
	_ = writeFrame(c, frameExit, []byte{byte(res.Exit)}) //nolint:gosec // an exit status is a byte
}

// input is what the client sends. Its end is the end of the command's input, by which rsync knows that the other
// side is gone.
type input struct {
	c    net.Conn
	gone context.CancelFunc
}

func (i *input) Read(p []byte) (int, error) {
	n, err := i.c.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		i.gone()
	}
	return n, err
}
