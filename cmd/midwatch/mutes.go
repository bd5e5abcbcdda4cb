package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"midwatch/checks"
	"midwatch/hosts/inventory"
)

// mutesFile is what the file of muted findings is called, beside the inventory.
const mutesFile = "mutes.toml"

// mutes reads what somebody said is known. The demo fleet has none.
func (a *app) mutes() ([]checks.Mute, error) {
	dir := inventory.ConfigDir(a.getenv)
	switch {
	case a.flags.demo != "" || a.demoNow != nil:
		return nil, nil
	case a.flags.config != "":
		dir = filepath.Dir(a.flags.config)
	case dir == "":
		return nil, nil
	}
	file := filepath.Join(dir, mutesFile)
	text, err := readFileLimited(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, wrong("read mutes: %w", err)
	}
	list, err := parseMutes(string(text))
	if err != nil {
		return nil, wrong("%s: %w", file, err)
	}
	return list, nil
}

// parseMutes reads a file of mutes. A key that is not known, a check that there is not, and a mute
// without a reason or an end are faults.
func parseMutes(text string) ([]checks.Mute, error) {
	var doc struct {
		Mute []struct {
			Check  string    `toml:"check"`
			Host   string    `toml:"host"`
			Object string    `toml:"object"`
			File   string    `toml:"file"`
			Reason string    `toml:"reason"`
			Until  time.Time `toml:"until"`
		} `toml:"mute"`
	}
	meta, err := toml.Decode(text, &doc)
	if err != nil {
		return nil, err
	}
	var faults []string
	for _, k := range meta.Undecoded() {
		faults = append(faults, fmt.Sprintf("unknown key %q", k.String()))
	}
	var out []checks.Mute
	for _, m := range doc.Mute {
		x := checks.Mute{Check: m.Check, Host: m.Host, Object: m.Object, File: m.File, Reason: m.Reason, Until: m.Until}
		if err := x.Validate(); err != nil {
			faults = append(faults, strings.Split(err.Error(), "\n")...)
		}
		if _, err := selectChecks([]string{m.Check}); m.Check != "" && err != nil {
			faults = append(faults, fmt.Sprintf("mute of %s: there is no such check", m.Check))
		}
		out = append(out, x)
	}
	if len(faults) > 0 {
		return nil, errors.New(strings.Join(faults, "; "))
	}
	return out, nil
}
