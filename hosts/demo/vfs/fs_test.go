package vfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func newFS() *FS { return New(func() time.Time { return time.Unix(1000, 0) }) }

func root() Cred { return Cred{User: "root"} }

func ops() Cred { return Cred{User: "ops", Groups: []string{"ops", "adm"}} }

func TestReadAsksForPermission(t *testing.T) {
	t.Parallel()
	f := newFS()
	f.Put("/etc/app/app.conf", Node{Mode: 0o640, Group: "adm", Data: []byte("a=1\n")})
	f.Put("/etc/app/key", Node{Mode: 0o600, Data: []byte("secret")})
	f.Put("/root/.x", Node{Mode: 0o644, Data: []byte("x")})
	if err := f.Change(root(), "/root", func(n *Node) { n.Mode = fs.ModeDir | 0o700 }); err != nil {
		t.Fatal(err)
	}
	f.Put("/run/x.sock", Node{Mode: fs.ModeSocket | 0o666})
	for _, tc := range []struct {
		who  Cred
		path string
		want error
	}{
		{root(), "/etc/app/key", nil},
		{ops(), "/etc/app/app.conf", nil},
		{Cred{User: "www"}, "/etc/app/app.conf", syscall.EACCES},
		{ops(), "/etc/app/key", syscall.EACCES},
		{ops(), "/root/.x", syscall.EACCES},
		{ops(), "/etc/nothing", syscall.ENOENT},
		{ops(), "/etc/app/app.conf/x", syscall.ENOTDIR},
		{ops(), "/etc", syscall.EISDIR},
		{ops(), "/run/x.sock", syscall.ENXIO},
	} {
		if _, err := f.ReadFile(tc.who, tc.path); !errors.Is(err, tc.want) {
			t.Errorf("%s reads %s: %v, want %v", tc.who.User, tc.path, err, tc.want)
		}
	}
}

func TestGeneratedFilesAreMadeAtEachRead(t *testing.T) {
	t.Parallel()
	f, n := newFS(), 0
	f.Put("/proc/n", Node{Mode: 0o444, Gen: func() []byte { n++; return []byte(strings.Repeat("x", n)) }})
	for want := 1; want < 4; want++ {
		if b, err := f.ReadFile(ops(), "/proc/n"); err != nil || len(b) != want {
			t.Fatalf("read %d: %q, %v", want, b, err)
		}
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	f := newFS()
	f.Put("/srv/v2/app", Node{Mode: 0o644, Data: []byte("two")})
	f.Put("/srv/current", Node{Mode: fs.ModeSymlink | 0o777, Target: "v2"})
	f.Put("/etc/app", Node{Mode: fs.ModeSymlink | 0o777, Target: "/srv/current/app"})
	f.Put("/loop", Node{Mode: fs.ModeSymlink | 0o777, Target: "loop"})
	if b, err := f.ReadFile(ops(), "/etc/app"); err != nil || string(b) != "two" {
		t.Errorf("through two links: %q, %v", b, err)
	}
	if p, err := f.Resolve(ops(), "/etc/app"); err != nil || p != "/srv/v2/app" {
		t.Errorf("resolve: %q, %v", p, err)
	}
	if l, err := f.Readlink(ops(), "/srv/current"); err != nil || l != "v2" {
		t.Errorf("readlink: %q, %v", l, err)
	}
	if _, err := f.ReadFile(ops(), "/loop"); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("loop: %v", err)
	}
	if i, err := f.Stat(ops(), "/etc/app", false); err != nil || i.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("lstat: %v, %v", i.Mode(), err)
	}
}

func TestUploadByRenameKeepsTheInode(t *testing.T) {
	t.Parallel()
	f := newFS()
	f.Put("/home/ops", Node{Mode: fs.ModeDir | 0o755, Owner: "ops"})
	if err := f.WriteFile(ops(), "/home/ops/.tmp", []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	before, _ := f.Stat(ops(), "/home/ops/.tmp", true)
	_ = f.WriteFile(ops(), "/home/ops/file", []byte("old"), 0o644)
	if err := f.Rename(ops(), "/home/ops/.tmp", "/home/ops/file"); err != nil {
		t.Fatal(err)
	}
	after, err := f.Stat(ops(), "/home/ops/file", true)
	if err != nil || after.Ino() != before.Ino() || after.Mode() != 0o600 || after.Owner() != "ops" {
		t.Errorf("after rename: %v, %v", after, err)
	}
	if _, err := f.Stat(ops(), "/home/ops/.tmp", true); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("the old name: %v", err)
	}
	if err := f.WriteFile(ops(), "/etc/passwd", nil, 0o644); err == nil {
		t.Error("a user wrote where only root may")
	}
}

func TestAppendAndOpenFlags(t *testing.T) {
	t.Parallel()
	f := newFS()
	for _, s := range []string{"a\n", "b\n"} {
		w, err := f.Open(root(), "/log", os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(w, s)
	}
	if b, _ := f.ReadFile(root(), "/log"); string(b) != "a\nb\n" {
		t.Errorf("appended: %q", b)
	}
	if _, err := f.Open(root(), "/log", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("exclusive: %v", err)
	}
	if _, err := f.Open(root(), "/none", os.O_WRONLY, 0); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("write to nothing: %v", err)
	}
	r, _ := f.Open(root(), "/log", os.O_RDONLY, 0)
	if _, err := r.Write([]byte("x")); err == nil {
		t.Error("wrote to a file opened for reading")
	}
}

func TestDirectories(t *testing.T) {
	t.Parallel()
	f := newFS()
	if err := f.Mkdir(root(), "/a/b/c", 0o755, false); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("mkdir without parents: %v", err)
	}
	if err := f.Mkdir(root(), "/a/b/c", 0o755, true); err != nil {
		t.Fatal(err)
	}
	if err := f.Mkdir(root(), "/a/b", 0o755, false); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("mkdir twice: %v", err)
	}
	_ = f.WriteFile(root(), "/a/b/z", nil, 0o644)
	list, err := f.ReadDir(ops(), "/a/b")
	if err != nil || len(list) != 2 || list[0].Name() != "c" || !list[0].IsDir() || list[1].Name() != "z" {
		t.Errorf("readdir: %v, %v", list, err)
	}
	if err := f.Remove(root(), "/a", false); !errors.Is(err, syscall.ENOTEMPTY) {
		t.Errorf("rmdir: %v", err)
	}
	if err := f.Rename(root(), "/a/b", "/moved"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Stat(root(), "/moved/c", true); err != nil {
		t.Errorf("a child did not move along: %v", err)
	}
	if err := f.Remove(root(), "/moved", true); err != nil {
		t.Fatal(err)
	}
	if list, _ := f.ReadDir(root(), "/"); len(list) != 1 {
		t.Errorf("left over: %v", list)
	}
}

func FuzzWalk(f *testing.F) {
	for _, s := range []string{"", "/", "..", "/a/../../b", "//x//", "a/./b", "\x00", strings.Repeat("../", 50)} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, p string) {
		v := newFS()
		v.Put("/a/b", Node{Mode: 0o644})
		v.Put("/l", Node{Mode: fs.ModeSymlink | 0o777, Target: p})
		_, _ = v.Stat(ops(), p, true)
		_, _ = v.Stat(ops(), "/l/"+p, true)
		_ = v.WriteFile(root(), p, []byte("x"), 0o644)
		_ = v.Mkdir(root(), p, 0o755, true)
		_ = v.Rename(root(), "/a", p)
		_ = v.Remove(root(), p, true)
	})
}
