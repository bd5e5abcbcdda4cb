package inventory

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"midwatch/hosts"
)

// FileName is what the inventory is called in the configuration directory.
const FileName = "hosts.toml"

// ConfigDir is midwatch's configuration directory: $XDG_CONFIG_HOME/midwatch or ~/.config/midwatch.
// getenv is os.Getenv in the program.
func ConfigDir(getenv func(string) string) string {
	return xdg(getenv, "XDG_CONFIG_HOME", ".config")
}

// StateDir is midwatch's state directory: $XDG_STATE_HOME/midwatch or ~/.local/state/midwatch.
func StateDir(getenv func(string) string) string {
	return xdg(getenv, "XDG_STATE_HOME", ".local/state")
}

// xdg follows the base directory specification: a relative value is ignored.
func xdg(getenv func(string) string, name, fallback string) string {
	if dir := getenv(name); filepath.IsAbs(dir) {
		return filepath.Join(dir, "midwatch")
	}
	home := getenv("HOME")
	if home == "" {
		return ""
	}
	return filepath.Join(home, fallback, "midwatch")
}

// ExpandHome replaces a leading ~/ by the home directory.
func ExpandHome(name string) string {
	rest, ok := strings.CutPrefix(name, "~/")
	if !ok {
		return name
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return name
	}
	return filepath.Join(home, rest)
}

// maxFile bounds what is read: an inventory of thousands of hosts is well below.
const maxFile = 8 << 20

// Load reads an inventory. With file "" it looks in the configuration directory and falls back to
// Default where there is none. The error of an inventory that can be read and is wrong is Faults.
func Load(file string, getenv func(string) string) (*Inventory, error) {
	asked := file != ""
	if !asked {
		dir := ConfigDir(getenv)
		if dir == "" {
			return Default(), nil
		}
		file = filepath.Join(dir, FileName)
	}
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !asked:
		return Default(), nil
	case err != nil:
		return nil, fmt.Errorf("read inventory: %w", err)
	case info.Mode().IsRegular() && info.Mode().Perm()&0o002 != 0:
		// The file names commands that are run to fetch secrets.
		return nil, fmt.Errorf("read inventory %s: everybody may write it (mode %04o): chmod go-w it", file, info.Mode().Perm())
	case info.Size() > maxFile:
		return nil, fmt.Errorf("read inventory %s: larger than %d bytes", file, maxFile)
	}
	data, err := os.ReadFile(file) //nolint:gosec // the user names it
	if err != nil {
		return nil, fmt.Errorf("read inventory: %w", err)
	}
	inv, faults := Parse(file, data)
	if len(faults) > 0 {
		return nil, faults
	}
	return inv, nil
}

// Default is the inventory without a file: this machine.
func Default() *Inventory {
	inv, _ := Parse("", []byte("[hosts.localhost]\nkind = \"local\"\nsudo = \"none\"\n"))
	name := "localhost"
	if n, err := os.Hostname(); err == nil && badName(n) == "" {
		name = n
	}
	inv.Hosts[0].Name, inv.Hosts[0].Line = name, 0
	inv.Hosts[0].Kind = hosts.KindLocal
	return inv
}

// jsonField takes a text field out of a JSON object without repeating the object in errors.
func jsonField(data []byte, field string) (string, error) {
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		return "", errors.New("printed no JSON object")
	}
	s, ok := m[field].(string)
	if !ok {
		return "", fmt.Errorf("its JSON has no text field %q", field)
	}
	return s, nil
}
