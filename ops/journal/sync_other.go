//go:build !linux

package journal

import "os"

// datasync puts what was written on the disk.
func datasync(f *os.File) error { return f.Sync() }
