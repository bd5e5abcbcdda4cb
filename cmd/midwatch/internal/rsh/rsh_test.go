package rsh

import (
	"bufio"
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"midwatch/hosts"
	"midwatch/hosts/transport"
)

// TestMain is the program as rsync calls it, or the tests.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Word {
		os.Exit(Main(context.Background(), os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
	}
	goleak.VerifyTestMain(m)
}

func serve(t *testing.T) *Server {
	t.Helper()
	link := transport.Open(t.Context(), transport.Target{Name: "here", Kind: hosts.KindLocal}, transport.Params{Log: slog.New(slog.DiscardHandler)})
	s, err := Serve(t.Context(), link, strings.Repeat("/too-long", 20), "/tmp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(s.dir); !os.IsNotExist(err) {
			t.Errorf("the directory of the socket is left behind: %v", err)
		}
		_ = link.Close()
	})
	return s
}

func TestOnlyTheOwnerReachesTheSocket(t *testing.T) {
	s := serve(t)
	info, err := os.Stat(filepath.Dir(s.Socket()))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("%v %v", info.Mode(), err)
	}
}

func TestCommand(t *testing.T) {
	s := serve(t)
	tests := map[string]struct {
		args  []string
		stdin string
		code  int
		out   string
		err   string
	}{
		"input, output and status":    {[]string{"-l", "ann", "web1", "cat;", "echo", "no >&2;", "exit", "7"}, "some text", 7, "some text", "no\n"},
		"words as a shell has them":   {[]string{"web1", "printf", `'%s|'`, `a\ b`, "c"}, "", 0, "a b|c|", ""},
		"a program that is not there": {[]string{"web1", "/does/not/exist"}, "", 127, "", "not found"},
		"no command":                  {[]string{"web1"}, "", 255, "", "wants a socket, a host and a command"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := Main(t.Context(), append([]string{s.Socket()}, tc.args...), strings.NewReader(tc.stdin), &out, &errs)
			if code != tc.code || out.String() != tc.out || !strings.Contains(errs.String(), tc.err) {
				t.Errorf("code %d, out %q, err %q", code, out.String(), errs.String())
			}
		})
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	if code := Main(t.Context(), []string{s.Socket(), "h", "true"}, strings.NewReader(""), &bytes.Buffer{}, &errs); code != 255 || !strings.Contains(errs.String(), "is gone") {
		t.Errorf("after the end: %d %q", code, errs.String())
	}
}

// The system's rsync sends a tree, deletes what is not in it, and says so before.
func TestRsync(t *testing.T) {
	if _, err := exec.LookPath("rsync"); err != nil {
		t.Skip("no rsync on this machine")
	}
	s := serve(t)
	from, to := t.TempDir(), t.TempDir()
	big := bytes.Repeat([]byte("midwatch "), 200_000)
	for name, text := range map[string][]byte{"a b/ü'x": []byte("one"), "big": big, "c": nil} {
		file := filepath.Join(from, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(to, "old"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	run := func(extra ...string) string {
		args := append([]string{"-rtp", "--secluded-args", "--delete-delay", "--delay-updates", "--out-format=%i %n", "-e", self + " " + Word + " " + s.Socket()}, extra...)
		out, err := exec.CommandContext(t.Context(), "rsync", append(args, from+"/", "web1:"+to+"/")...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	if out := run("-n"); !strings.Contains(out, "*deleting   old") {
		t.Errorf("a dry run says what would be deleted: %s", out)
	}
	run()
	got, err := os.ReadFile(filepath.Join(to, "big"))
	if err != nil || !bytes.Equal(got, big) {
		t.Errorf("big: %d bytes, %v", len(got), err)
	}
	if text, err := os.ReadFile(filepath.Join(to, "a b", "ü'x")); err != nil || string(text) != "one" {
		t.Errorf("%q %v", text, err)
	}
	if _, err := os.Stat(filepath.Join(to, "old")); !os.IsNotExist(err) {
		t.Errorf("old is there: %v", err)
	}
	if out := run(); strings.Contains(out, "<f") {
		t.Errorf("a second run changes nothing: %s", out)
	}
}

// Close ends a command that would go on for ever, whose client is gone.
func TestCloseEndsCommands(t *testing.T) {
	s := serve(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0], Word, s.Socket(), "h", "echo", "started;", "exec", "sleep", "1000")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "started\n" {
		t.Fatalf("%q %v", line, err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
