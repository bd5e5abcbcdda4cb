package step

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestFileIsSavedPlacedAndRestored(t *testing.T) {
	for _, inPlace := range []bool{false, true} {
		b := newBench(t, nil)
		p := b.path("etc", "a b$x.conf")
		write(t, p, "old\n", 0o640)
		if os.Getuid() == 0 {
			if err := os.Chown(p, 12, 34); err != nil {
				t.Fatal(err)
			}
		}
		before := tree(t, b.dir)
		m := target(b.Env)
		was, err := m.lookFile(t.Context(), p)
		if err != nil || was.Type != "file" || was.Mode != 0o640 || was.Size != 4 || len(was.SHA256) != 64 {
			t.Fatalf("%+v, %v", was, err)
		}
		saved := filepath.Join(b.store.dir, "before")
		if err := m.saveFile(t.Context(), p, saved); err != nil {
			t.Fatal(err)
		}
		var ino [2]uint64
		ino[0] = inode(t, p)
		f := newFile{Path: p, Content: []byte("new\x00bytes"), Mode: 0o600, InPlace: inPlace, Was: was.SHA256}
		tmp, err := m.stageFile(t.Context(), f, "r1")
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, p); got != "old\n" {
			t.Fatalf("staging touched the file: %q", got)
		}
		if err := m.placeFile(t.Context(), f, tmp); err != nil {
			t.Fatal(err)
		}
		ino[1] = inode(t, p)
		if (ino[0] == ino[1]) != inPlace {
			t.Errorf("in place %v: inode %d became %d", inPlace, ino[0], ino[1])
		}
		now, err := m.lookFile(t.Context(), p)
		if err != nil || read(t, p) != "new\x00bytes" || now.Mode != 0o600 || now.UID != was.UID || now.GID != was.GID {
			t.Fatalf("%+v, %v", now, err)
		}
		if err := m.restoreFile(t.Context(), p, saved, "r1", inPlace); err != nil {
			t.Fatal(err)
		}
		if after := tree(t, b.dir); after != before {
			t.Errorf("in place %v: before\n%safter\n%s", inPlace, before, after)
		}
		if inPlace && inode(t, p) != ino[0] {
			t.Error("the way back has made another inode")
		}
	}
}

func inode(t *testing.T, p string) uint64 {
	t.Helper()
	i, err := os.Stat(p)
	if err != nil {
		t.Fatal(err)
	}
	return i.Sys().(*syscall.Stat_t).Ino
}

func TestPlacingRefusesWhatChanged(t *testing.T) {
	b := newBench(t, nil)
	p := b.path("f")
	write(t, p, "old", 0o644)
	m := target(b.Env)
	was, _ := m.lookFile(t.Context(), p)
	f := newFile{Path: p, Content: []byte("new"), Mode: 0o644, Was: was.SHA256}
	tmp, err := m.stageFile(t.Context(), f, "r1")
	if err != nil {
		t.Fatal(err)
	}
	write(t, p, "somebody's", 0o644)
	wantRefused(t, m.placeFile(t.Context(), f, tmp), "box", p, "changed by someone else")
	if got := read(t, p); got != "somebody's" {
		t.Errorf("overwritten: %q", got)
	}
	if left, _ := filepath.Glob(b.path(".midwatch*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	f.Was = "absent"
	tmp, err = m.stageFile(t.Context(), f, "r1")
	if err != nil {
		t.Fatal(err)
	}
	wantRefused(t, m.placeFile(t.Context(), f, tmp), "changed by someone else")
}

func TestLookTellsWhatIsThere(t *testing.T) {
	b := newBench(t, nil)
	write(t, b.path("d", "f"), "x", 0o644)
	if err := os.Symlink("d/f", b.path("l")); err != nil {
		t.Fatal(err)
	}
	m := target(b.Env)
	for p, want := range map[string]string{"d": "dir", "d/f": "file", "l": "link", "none": "absent", "no/way": "absent"} {
		s, err := m.lookFile(t.Context(), b.path(p))
		if err != nil || s.Type != want {
			t.Errorf("%s: %+v, %v", p, s, err)
		}
		if s.NoParent != (p == "no/way") {
			t.Errorf("%s: NoParent %v", p, s.NoParent)
		}
		if p == "l" && s.Link != "d/f" {
			t.Errorf("link is %q", s.Link)
		}
	}
}

func TestFullDiskIsRefused(t *testing.T) {
	// /dev/full is the kernel's own full disk.
	b := newBench(t, nil)
	_, err := target(b.Env).script(t.Context(), "write /x", nil, `printf x | cat >/dev/full`)
	wantRefused(t, err, "box", "write /x", "disk full")
}

// Mounts as a host sees them that has a container with one file of it mounted (E12), read from a real engine.
func TestMountOfOneFileIsSeen(t *testing.T) {
	own := parseMounts("22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n" +
		"30 22 254:16 /vol /srv/data rw - ext4 /dev/vdb rw")
	others := parseMounts("901 890 254:1 /etc/nginx/nginx.conf /etc/nginx/nginx.conf ro - ext4 /dev/vda1 rw\n" +
		"902 890 254:16 /vol/a\\040b.conf /etc/x.conf ro - ext4 /dev/vdb rw\n" +
		"903 890 254:1 /etc/whole /etc/whole ro - ext4 /dev/vda1 rw")
	for p, want := range map[string]bool{
		"/etc/nginx/nginx.conf": true, "/srv/data/a b.conf": true, "/etc/whole/x": false,
		"/etc/nginx/other.conf": false, "/vol/a b.conf": false,
	} {
		if got := boundAmong(p, own, others); got != want {
			t.Errorf("%s: %v", p, got)
		}
	}
}

func TestBindMountOfOneFileIsFoundOnThisMachine(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting takes root")
	}
	b := newBench(t, nil)
	p, at := b.path("conf"), b.path("at")
	write(t, p, "x", 0o644)
	write(t, at, "", 0o644)
	// In a mount namespace of its own, as a container has it; it ends with the process.
	c := exec.Command("unshare", "-m", "sh", "-c", `mount --bind "$1" "$2" && echo ready && exec sleep 600`, "sh", p, at)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs strings.Builder
	c.Stderr = &errs
	if err := c.Start(); err != nil {
		t.Skip("no unshare: ", err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	buf := make([]byte, 16)
	if n, _ := out.Read(buf); !strings.HasPrefix(string(buf[:n]), "ready") {
		t.Skip("no mount here: ", errs.String())
	}
	m := target(b.Env)
	if got, err := m.boundAlone(t.Context(), p); err != nil || !got {
		t.Errorf("a file that is mounted alone is not seen: %v, %v", got, err)
	}
	write(t, b.path("other"), "x", 0o644)
	if got, err := m.boundAlone(t.Context(), b.path("other")); err != nil || got {
		t.Errorf("a file that is not mounted: %v, %v", got, err)
	}
}
