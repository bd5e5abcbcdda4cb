package deploy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxFile bounds what is read of one definition.
const maxFile = 1 << 20

// Broken is a file of definitions that cannot be used.
type Broken struct {
	File string
	Name string // of the deploy, as far as it could be read
	Err  error  // Faults, or why the file cannot be read
}

// Load reads every *.toml of a directory, in the order of their names. Each that is right is returned, and
// each that is not, with all of its faults; of two with one name the second is broken. A directory that does not
// exist holds none.
func Load(dir string) ([]*Definition, []Broken, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read definitions: %w", err)
	}
	var defs []*Definition
	var broken []Broken
	for _, e := range entries {
		if e.IsDir() || filepath.Ext(e.Name()) != ".toml" || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		file := filepath.Join(dir, e.Name())
		def, err := LoadFile(file)
		if err != nil {
			b := Broken{File: file, Name: strings.TrimSuffix(e.Name(), ".toml"), Err: err}
			if def != nil && def.Name != "" {
				b.Name = def.Name
			}
			broken = append(broken, b)
			continue
		}
		if i := slices.IndexFunc(defs, func(d *Definition) bool { return d.Name == def.Name }); i >= 0 {
			broken = append(broken, Broken{File: file, Name: def.Name, Err: fmt.Errorf("%s: name %q is taken by %s: give one of them another", file, def.Name, defs[i].File)})
			continue
		}
		defs = append(defs, def)
	}
	return defs, broken, nil
}

// LoadFile reads one definition. The error of one that can be read and is wrong is Faults, and the Definition
// holds what could be understood.
func LoadFile(file string) (*Definition, error) {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read definition: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("read definition %s: it is no file", file)
	case info.Mode().Perm()&0o002 != 0:
		// It names commands that are run here and on hosts.
		return nil, fmt.Errorf("read definition %s: everybody may write it (mode %04o): chmod go-w it", file, info.Mode().Perm())
	case info.Size() > maxFile:
		return nil, fmt.Errorf("read definition %s: larger than %d bytes", file, maxFile)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read definition: %w", err)
	}
	def, faults := Parse(file, data)
	if len(faults) > 0 {
		return def, faults
	}
	return def, nil
}
