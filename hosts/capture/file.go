package capture

import (
	"fmt"
	"os"
	"path/filepath"

	"midwatch/hosts"
)

// Save writes a capture to a file that only its owner may read, by temporary file and rename: a
// capture that is refused or cut off leaves what was there before.
func Save(path string, c *Capture, secrets []hosts.Secret) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".midwatch-capture-*")
	if err != nil {
		return fmt.Errorf("write capture %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	err = Write(f, c, secrets)
	if serr := f.Sync(); err == nil {
		err = serr
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// Load reads a capture from a file.
func Load(path string) (*Capture, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read capture: %w", err)
	}
	defer f.Close()
	c, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}
