package runs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/charmbracelet/x/exp/golden"

	"midwatch/ops/run"
	"midwatch/tui/ui/uitest"
)

// journal reads the records of a run that was really driven: a deploy to one host, approved and rolled back,
// and one that was interrupted, resumed, declined and rolled back.
func journal(t *testing.T, name string) []run.Record {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "journals", name+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var out []run.Record
	for l := range bytes.Lines(data) {
		var r run.Record
		if err := json.Unmarshal(l, &r); err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// After every record of a run the screen draws what is known, and nothing that was begun and has no result is
// shown as good.
func TestEveryRecordOfAJournal(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"approved", "resumed"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := journal(t, name)
			synctest.Test(t, func(t *testing.T) {
				g := runStage(t, run.Fold(all[:1]), setting{at: all[0].T, w: 120, h: 37})
				begun := map[string]bool{}
				for i, r := range all {
					switch r.K {
					case run.KindIntent:
						begun[r.Step] = true
					case run.KindResult, run.KindUndoResult:
						delete(begun, r.Step)
					}
					g.svc.publish(run.Fold(all[:i+1]))
					g.wait(time.Second)
					for _, z := range uitest.Sizes() {
						g.screen.SetSize(z[0], z[1]-3)
						view := g.view()
						if n := strings.Count(view, "\n") + 1; n != z[1]-3 {
							t.Fatalf("record %d: %d lines at %v", i+1, n, z)
						}
						checkHonest(t, g, begun, i+1)
					}
				}
				if last := run.Fold(all); !last.Phase.Ended() {
					t.Errorf("the journal ends in %s", last.Phase)
				}
			})
		})
	}
}

func checkHonest(t *testing.T, g *stage, begun map[string]bool, record int) {
	t.Helper()
	s := g.screen.(*Run)
	for _, l := range s.out.lines {
		id, _ := parts(l.of)
		if text := l.draw(&s.d.Styles.Normal, 100); begun[id] && strings.Contains(text, "✓") {
			t.Errorf("record %d: %s has no result and is shown as good: %q", record, id, text)
		}
	}
	if head := s.head(100)[0]; strings.Contains(head, "✓") && !s.state.Phase.Ended() {
		t.Errorf("record %d: the run goes on and is shown as good: %q", record, head)
	}
}

func TestGoldenJournals(t *testing.T) {
	// The moments are: a job runs, somebody is asked, all is done, the way back was taken.
	for name, moments := range map[string][]int{"approved": {7, 17, 24, 29}, "resumed": {8, 31}} {
		for _, n := range moments {
			for _, z := range uitest.Sizes() {
				t.Run(fmt.Sprintf("%s-%d/%dx%d", name, n, z[0], z[1]), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						all := journal(t, name)[:n]
						g := runStage(t, run.Fold(all), setting{at: all[n-1].T.Add(3 * time.Second), w: z[0], h: z[1] - 3})
						golden.RequireEqual(t, g.view())
					})
				})
			}
		}
	}
}
