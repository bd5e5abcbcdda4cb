package step

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"midwatch/ops/deploy"
)

// E12 with a real engine: a container that has one file mounted sees the new content without a restart, and
// the old one after the way back.
func TestFileMountedIntoAContainerIsWrittenInPlace(t *testing.T) {
	image := anImage(t)
	b := newBench(t, nil)
	write(t, b.path("nginx.conf"), "old\n", 0o644)
	const name = "midwatch-test-mounted"
	_ = exec.Command("docker", "rm", "-f", name).Run()
	out, err := exec.Command("docker", "run", "-d", "--name", name, "--network", "none", "--entrypoint", "sleep",
		"-v", b.path("nginx.conf")+":/etc/mounted.conf:ro", image, "600").CombinedOutput()
	if err != nil {
		t.Skipf("NO CONTAINER CAN BE RUN HERE, E12 is not tested: %s", out)
	}
	t.Cleanup(func() { _ = exec.Command("docker", "rm", "-f", name).Run() })
	inside := func() string {
		out, err := exec.Command("docker", "exec", name, "cat", "/etc/mounted.conf").CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	if inside() != "old\n" {
		t.Skip("the engine does not see this machine's files")
	}
	before := tree(t, b.dir)
	b.Settings = &deploy.File{Dst: deploy.Text(b.path("nginx.conf")), Content: "new\n"}
	if c := b.plan(file{}); len(c.Lines) != 2 || !strings.Contains(c.Lines[1], "mounted alone, so it is written in place") {
		t.Errorf("%+v", c)
	}
	u := b.forward(file{})
	if got := inside(); got != "new\n" {
		t.Errorf("the container sees %q", got)
	}
	b.back(file{}, u)
	if got := inside(); got != "old\n" || tree(t, b.dir) != before {
		t.Errorf("after the way back the container sees %q", got)
	}
}

// A disk that is full ends in a refusal that says so, and what was there comes back.
func TestFullDisk(t *testing.T) {
	needRsync(t)
	for _, mode := range []string{"file", modeStaged, modeInPlace, modeRelease} {
		t.Run(mode, func(t *testing.T) {
			b := newBench(t, nil)
			if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", b.dir).CombinedOutput(); err != nil {
				t.Skipf("no file system can be mounted here: %s", out)
			}
			t.Cleanup(func() { _ = exec.Command("umount", "-l", b.dir).Run() })
			write(t, b.path("to", "a"), "old", 0o644)
			big := strings.Repeat("x", 256<<10)
			write(t, b.src+"/a", "new!", 0o644)
			write(t, b.src+"/z", big, 0o644)
			before := tree(t, b.dir)
			var k Kind = syncKind{}
			b.Settings = &deploy.Sync{From: ".", To: deploy.Text(b.path("to")), Mode: mode}
			if mode == "file" {
				k, b.Settings = file{}, &deploy.File{Src: "z", Dst: deploy.Text(b.path("to", "a"))}
			}
			u := b.record(k)
			wantRefused(t, k.Act(t.Context(), b.Env, u), "box", "disk full: free some space")
			if mode == "file" && tree(t, b.dir) != before {
				t.Errorf("before\n%safter\n%s", before, tree(t, b.dir))
			}
			b.Undoing = true
			b.back(k, u)
			if got := tree(t, b.dir); got != before {
				t.Errorf("before\n%safter\n%s", before, got)
			}
			if left, _ := os.ReadDir(b.store.dir + "/" + dirStage); len(left) > 0 {
				t.Errorf("the stage is left: %v", left)
			}
		})
	}
}
