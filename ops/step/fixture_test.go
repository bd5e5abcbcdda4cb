package step

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/transport"
	"midwatch/ops/deploy"
)

// bench is a step's surroundings made of the real local machine: its processes, its files, its loopback.
type bench struct {
	*Env
	t       *testing.T
	dir     string // of the "host"
	src     string // of the definition
	store   *dirStore
	jobs    *dirJobs
	secrets map[string]string
	outputs map[string]string
	answers []Answer
	mu      sync.Mutex // guards what Emit and Ask write
	said    []Output
	asked   []Question
	conn    *spyConn
}

// spyConn passes everything to the real connection and remembers every argv.
type spyConn struct {
	hosts.Conn
	mu    sync.Mutex
	argvs [][]string
	// meddle is called before a command starts.
	meddle func(argv []string)
}

func (s *spyConn) saw(argv []string) {
	s.mu.Lock()
	s.argvs = append(s.argvs, argv)
	meddle := s.meddle
	s.mu.Unlock()
	if meddle != nil {
		meddle(argv)
	}
}

func (s *spyConn) Run(ctx context.Context, c hosts.Cmd) (hosts.Result, error) {
	s.saw(c.Argv)
	return s.Conn.Run(ctx, c)
}

func (s *spyConn) Stream(ctx context.Context, c hosts.Cmd) (hosts.Stream, error) {
	s.saw(c.Argv)
	return s.Conn.Stream(ctx, c)
}

func localConn(t *testing.T) hosts.Conn {
	t.Helper()
	l := transport.Open(t.Context(), transport.Target{Name: "box", Kind: hosts.KindLocal}, transport.Params{Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func newBench(t *testing.T, settings any) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir(), src: t.TempDir(), secrets: map[string]string{}, outputs: map[string]string{}}
	b.store = &dirStore{dir: t.TempDir()}
	b.conn = &spyConn{Conn: localConn(t)}
	b.jobs = &dirJobs{dir: t.TempDir(), running: map[string]*exec.Cmd{}, had: map[string]int{}, conn: b.conn}
	began := time.Now()
	b.Env = &Env{
		Run: "r1", Step: "it", Try: 1, Settings: settings, Host: "box", Conn: b.conn, Local: &spyConn{Conn: b.conn.Conn}, Base: b.src,
		Store: b.store, Jobs: b.jobs, Now: time.Now, Outputs: map[string]string{},
		Started: func(string) time.Time { return began },
		Emit: func(o Output) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.said = append(b.said, o)
		},
		Output: func(name, value string) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.outputs[name] = value
		},
		Reveal: b.reveal,
		Ask: func(_ context.Context, q Question) (Answer, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.asked = append(b.asked, q)
			if len(b.answers) == 0 {
				return Answer{}, errors.New("nobody is there to answer")
			}
			a := b.answers[0]
			b.answers = b.answers[1:]
			return a, nil
		},
		HTTP: NewWeb((&net.Dialer{}).DialContext, nil),
		Vars: func(string) string { return "" },
	}
	// What an open connection would be to rsync: a program that is given a host and a command (E2).
	rsh := filepath.Join(t.TempDir(), "rsh")
	write(t, rsh, "#!/bin/sh\n[ \"$1\" = box ] || { echo \"no way to $1\" >&2; exit 255; }\nshift\nexec sh -c \"$*\"\n", 0o755)
	b.Rsh = func(context.Context) (string, string, func(), error) { return rsh, "box", func() {}, nil }
	return b
}

var secretRef = regexp.MustCompile(`\$\{secret\.([a-z]+)\}`)

func (b *bench) reveal(_ context.Context, s deploy.Sensitive) (hosts.Secret, error) {
	var missing error
	out := secretRef.ReplaceAllStringFunc(string(s), func(ref string) string {
		name := secretRef.FindStringSubmatch(ref)[1]
		v, ok := b.secrets[name]
		if !ok {
			missing = fmt.Errorf("secret %s is not there", name)
		}
		return v
	})
	return hosts.NewSecret(strings.ReplaceAll(out, "$${", "${")), missing
}

// path is a path on the host.
func (b *bench) path(p ...string) string { return filepath.Join(append([]string{b.dir}, p...)...) }

// asNobody makes the host's login an unprivileged user; root is what sudo gives, where it is allowed. The
// step's blobs are root's then, as the engine keeps them.
func (b *bench) asNobody(sudo bool) {
	b.t.Helper()
	if os.Getuid() != 0 {
		b.t.Skip("becoming another user takes root")
	}
	if _, err := exec.LookPath("setpriv"); err != nil {
		b.t.Skip("no setpriv to become another user with")
	}
	home := b.t.TempDir()
	for _, d := range []string{home, b.dir} {
		if err := os.Chown(d, nobody, nobody); err != nil {
			b.t.Fatal(err)
		}
		for p := d; p != "/" && p != "/tmp"; p = filepath.Dir(p) {
			i, err := os.Stat(p)
			if err == nil && i.Mode().Perm()&1 == 0 {
				_ = os.Chmod(p, i.Mode().Perm()|0o711)
			}
		}
	}
	if !sudo {
		if err := os.Chown(b.store.dir, nobody, nobody); err != nil {
			b.t.Fatal(err)
		}
	}
	_ = os.Chmod(b.store.dir, 0o700)
	b.conn.Conn = &userConn{b.conn.Conn, home, sudo}
	b.jobs.as = func(j Job) []string {
		if j.Sudo {
			return j.Argv
		}
		return append(become(home), j.Argv...)
	}
	b.Sudo = sudo
	rsh := filepath.Join(home, "rsh")
	root, _, _, _ := b.Rsh(b.t.Context())
	b.RshRoot = func(context.Context) (string, string, func(), error) { return root, "box", func() {}, nil }
	write(b.t, rsh, "#!/bin/sh\nshift\nexec "+strings.Join(become(home), " ")+" sh -c \"$*\"\n", 0o755)
	b.Rsh = func(context.Context) (string, string, func(), error) { return rsh, "box", func() {}, nil }
}

const nobody = 65534

func become(home string) []string {
	return []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "HOME=" + home}
}

// userConn runs commands as nobody, and as root where sudo is allowed and asked for.
type userConn struct {
	hosts.Conn
	home string
	sudo bool
}

func (u *userConn) Run(ctx context.Context, c hosts.Cmd) (hosts.Result, error) {
	switch {
	case c.Sudo && !u.sudo:
		return hosts.Result{}, fmt.Errorf("box: %w: it is not allowed", hosts.ErrNoSudo)
	case !c.Sudo:
		c.Argv = append(become(u.home), c.Argv...)
	}
	return u.Conn.Run(ctx, c)
}

// write puts a file into a directory of the test.
func write(t *testing.T, p, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(p, mode); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, p string) string {
	t.Helper()
	b, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// tree is everything an undo must bring back of a directory: types, modes, owners, links, contents.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	err := filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		i, err := os.Lstat(p)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		st := i.Sys().(*syscall.Stat_t)
		fmt.Fprintf(&out, "%s %v %d:%d", rel, i.Mode(), st.Uid, st.Gid)
		switch {
		case i.Mode()&fs.ModeSymlink != 0:
			to, _ := os.Readlink(p)
			fmt.Fprintf(&out, " -> %s", to)
		case i.Mode().IsRegular():
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, " %d %x %s", i.Size(), sha256.Sum256(b), i.ModTime().UTC().Format(time.RFC3339Nano))
		}
		out.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// forward takes a step from its plan to its end, as the engine does, and returns the record.
func (b *bench) forward(k Kind) Undo {
	b.t.Helper()
	u, seen := b.run(k)
	if !seen.OK {
		b.t.Fatalf("not seen: %s %q", seen.Line, seen.Lines)
	}
	return u
}

func (b *bench) run(k Kind) (Undo, Seen) {
	b.t.Helper()
	ctx := b.t.Context()
	u := b.record(k)
	if !u.Nothing {
		if err := k.Act(ctx, b.Env, u); err != nil {
			b.t.Fatalf("act: %v", err)
		}
	}
	seen, err := k.Verify(ctx, b.Env, u)
	if err != nil {
		b.t.Fatalf("verify: %v", err)
	}
	return u, seen
}

func (b *bench) record(k Kind) Undo {
	b.t.Helper()
	u, err := k.Record(b.t.Context(), b.Env)
	if err != nil {
		b.t.Fatalf("record: %v", err)
	}
	return u
}

func (b *bench) plan(k Kind) Change {
	b.t.Helper()
	c, err := k.Plan(b.t.Context(), b.Env)
	if err != nil {
		b.t.Fatalf("plan: %v", err)
	}
	return c
}

// back undoes a step and wants the undo to be seen.
func (b *bench) back(k Kind, u Undo) {
	b.t.Helper()
	if err := k.Undo(b.t.Context(), b.Env, u); err != nil {
		b.t.Fatalf("undo: %v", err)
	}
	seen, err := k.Undone(b.t.Context(), b.Env, u)
	if err != nil || !seen.OK {
		b.t.Fatalf("undone: %+v, %v", seen, err)
	}
}

func (b *bench) drift(k Kind, u Undo) []string {
	b.t.Helper()
	d, err := k.Drift(b.t.Context(), b.Env, u)
	if err != nil {
		b.t.Fatalf("drift: %v", err)
	}
	return d
}

func (b *bench) probe(k Kind, u Undo) Progress {
	b.t.Helper()
	p, err := k.Probe(b.t.Context(), b.Env, u)
	if err != nil {
		b.t.Fatalf("probe: %v", err)
	}
	return p
}

// noSecret fails when a secret is to be seen in an argv, in the output, in a record or in the definition's
// directories.
func (b *bench) noSecret(secret string, us ...Undo) {
	b.t.Helper()
	for _, c := range []hosts.Conn{b.Conn, b.Local} {
		spy := c.(*spyConn)
		spy.mu.Lock()
		for _, argv := range spy.argvs {
			if strings.Contains(strings.Join(argv, " "), secret) {
				b.t.Errorf("the secret is in an argv: %q", argv)
			}
		}
		spy.mu.Unlock()
	}
	for _, u := range us {
		if bytes.Contains(u.Data, []byte(secret)) || strings.Contains(strings.Join(u.Lines, " "), secret) {
			b.t.Errorf("the secret is in the record: %s", u.Data)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range b.said {
		if strings.Contains(o.Line+o.Note, secret) {
			b.t.Errorf("the secret was said: %+v", o)
		}
	}
	for _, j := range b.jobs.jobs {
		if strings.Contains(strings.Join(j.Argv, " ")+fmt.Sprint(j.Env), secret) {
			b.t.Errorf("the secret is in a job's argv or plain environment: %q", j.Argv)
		}
	}
}

// wantRefused wants an error to be a refusal of one line that holds words.
func wantRefused(t *testing.T, err error, words ...string) {
	t.Helper()
	if !errors.Is(err, ErrRefused) {
		t.Fatalf("not refused: %v", err)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than one line: %q", err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
}
