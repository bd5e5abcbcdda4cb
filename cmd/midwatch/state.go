package main

import (
	"errors"
	"fmt"
	"os"

	"midwatch/hosts/inventory"
)

// stateDir makes the state directory, where run journals, the audit log and the last snapshot live,
// and sees to it that only its owner may look inside.
func (a *app) stateDir() (string, error) {
	dir := inventory.StateDir(a.getenv)
	if dir == "" {
		return "", errors.New("no state directory: neither XDG_STATE_HOME nor HOME is set")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make state directory: %w", err)
	}
	info, err := os.Stat(dir)
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = os.Chmod(dir, 0o700) //nolint:gosec // a directory needs its x bit
	}
	if err != nil {
		return "", fmt.Errorf("close state directory to others: %w", err)
	}
	return dir, nil
}
