package step

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"midwatch/ops/deploy"
)

// anImage is the id of an image of a real engine on this machine.
func anImage(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("docker", "image", "ls", "-q", "--no-trunc").Output()
	ids := strings.Fields(string(out))
	if err != nil || len(ids) == 0 {
		t.Skip("NO ENGINE WITH AN IMAGE HERE: what is asked of docker is not tested")
	}
	return ids[0]
}

func TestRetainRemovesTagsAndNothingElse(t *testing.T) {
	image := anImage(t)
	const repo = "midwatch-test-retain"
	tags := []string{repo + ":midwatch-undo-old", repo + ":midwatch-undo-old.web", repo + ":midwatch-undo-older", repo + ":midwatch-undo-new"}
	for _, tag := range tags {
		if out, err := exec.Command("docker", "tag", image, tag).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		t.Cleanup(func() { _ = exec.Command("docker", "image", "rm", "--no-prune", tag).Run() })
	}
	b := newBench(t, &deploy.Retain{Keep: 2})
	b.Runs = &shelf{ended: []string{"new", "newer", "old"}}
	b.forward(retain{})
	out, err := exec.Command("docker", "image", "ls", "--format", "{{.Tag}}", repo).Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(strings.Fields(string(out)), " "); got != "midwatch-undo-new midwatch-undo-older" && got != "midwatch-undo-older midwatch-undo-new" {
		t.Errorf("left are %s", got)
	}
	if err := exec.Command("docker", "image", "inspect", image).Run(); err != nil {
		t.Error("the image itself is gone")
	}
}

func TestImagesAreLookedAt(t *testing.T) {
	image := anImage(t)
	b := newBench(t, &deploy.Check{Images: argv(image)})
	if _, seen := b.run(check{}); !seen.OK || !strings.Contains(seen.Lines[0], image) {
		t.Errorf("%+v", seen)
	}
	b.Settings = &deploy.Check{Images: argv("midwatch-no-such-image:1")}
	if _, seen := b.run(check{}); seen.OK || !strings.Contains(seen.Line, "is not there: pull or build it") {
		t.Errorf("%+v", seen)
	}
	b.Settings = &deploy.Check{Tools: argv("docker>=19")}
	if _, seen := b.run(check{}); !seen.OK {
		t.Errorf("%+v", seen)
	}
	b.Settings = &deploy.Snapshot{Images: argv(image), Project: "midwatch-no-such-project"}
	b.forward(snapshot{})
	var got map[string]string
	if err := json.Unmarshal([]byte(read(t, filepath.Join(b.store.dir, blobSnapshot))), &got); err != nil || !strings.HasPrefix(got["image "+image], image) {
		t.Errorf("%v, %v", got, err)
	}
	b.Settings = &deploy.Snapshot{Containers: argv("midwatch-no-such-container")}
	if _, seen := b.run(snapshot{}); seen.OK {
		t.Errorf("%+v", seen)
	}
}
