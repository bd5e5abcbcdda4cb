package journal

import (
	"os"

	"golang.org/x/sys/unix"
)

// datasync puts what was written on the disk, without the times of the file.
func datasync(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR { //nolint:errorlint // an errno as it is
			return err
		}
	}
}
