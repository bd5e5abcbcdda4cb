package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/tui/ui"
)

func TestViewsFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v := &views{dir: func() (string, error) { return dir, nil }}
	if list, err := v.Views(); err != nil || len(list) != 0 {
		t.Fatal(list, err)
	}
	b := ui.LogView{Name: "b", Sources: []hosts.LogSource{{Host: "h", Kind: hosts.LogFile, Name: "/var/log/x"}, {Host: "h", Kind: hosts.LogJournal}}, Back: 90 * time.Minute, Filter: `a "b" >=warn`, Wrap: true, Columns: ui.LogColumns{Time: ui.TimeUTC, Level: ui.ShownNever}}
	a := ui.LogView{Name: "a", Sources: []hosts.LogSource{{Host: "h", Kind: hosts.LogContainer, Name: "api"}}, Tail: 2000, Fold: true}
	for _, x := range []ui.LogView{b, a, {Name: "b"}, b} {
		if err := v.SaveView(x); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := v.Views(); err != nil || !reflect.DeepEqual(list, []ui.LogView{a, b}) {
		t.Errorf("%+v %v", list, err)
	}
	path := filepath.Join(dir, viewsFile)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if err := v.RemoveView("b"); err != nil {
		t.Fatal(err)
	}
	if list, err := v.Views(); err != nil || len(list) != 1 {
		t.Errorf("%+v %v", list, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("%v %v", left, err)
	}
	// What cannot be read is not written over.
	if err := os.WriteFile(path, []byte("{broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := v.SaveView(a); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("%v", err)
	}
}
