package remote

import (
	"context"
	"fmt"
	"io"
	"path"
	"strconv"

	"midwatch/ops/step"
)

// maxBlob bounds what is put into a store at once.
const maxBlob = 64 << 20

// dirScript makes a directory below the root: 0700, and where root makes it for a login, the last one belongs to
// the login and those above may be passed through.
const dirScript = `set -eu
dir=$1 uid=$2 root=$3
umask 077
mkdir -p "$dir"
if [ -n "$uid" ]; then
	chown "$uid" "$dir"
	d=$dir
	while [ "$d" != "$root" ] && [ "$d" != / ]; do d=${d%/*}; chmod 0711 "$d"; done
fi
sync "$dir" "${dir%/*}" 2>/dev/null || sync`

// putScript writes its input to a file, by a temporary one and rename.
const putScript = `set -eu
file=$1 size=$2 uid=$3
umask 077
dir=${file%/*}
mkdir -p "$dir"
tmp=$file.tmp.$$
trap 'rm -f "$tmp"' EXIT
cat >"$tmp"
[ "$(wc -c <"$tmp")" -eq "$size" ] || { echo "the input was cut off" >&2; exit 12; }
[ -z "$uid" ] || chown "$uid" "$tmp"
sync "$tmp" 2>/dev/null || sync
mv -f "$tmp" "$file"
sync "$dir" 2>/dev/null || sync`

// getScript prints a file.
const getScript = `[ -e "$1" ] || { echo "no such file" >&2; exit 15; }
cat "$1"`

// owner is who shall own the directory of a step: "" leaves it to who makes it.
func (h *Host) owner() string {
	if h.Sudo {
		return h.UID
	}
	return ""
}

// MakeDir makes a directory below the root that the login may use.
func (h *Host) MakeDir(ctx context.Context, dir string) error {
	_, err := h.script(ctx, dirScript, nil, dir, h.owner(), h.Root)
	return err
}

// Put writes a file; it is on the disk when Put returns.
func (h *Host) Put(ctx context.Context, file string, b []byte) error {
	if _, err := h.script(ctx, putScript, orEmpty(b), file, strconv.Itoa(len(b)), h.owner()); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}

// orEmpty keeps an input that is there and empty from being none.
func orEmpty(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// Get reads a file; one that is not there is ErrMissing.
func (h *Host) Get(ctx context.Context, file string) ([]byte, error) {
	out, err := h.script(ctx, getScript, nil, file)
	switch {
	case isExit(err, 15):
		return nil, fmt.Errorf("%s: %s: %w", h.Name, file, ErrMissing)
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return []byte(out), nil
}

// Store is the directory of one step of a run.
type Store struct {
	h   *Host
	dir string
}

// Store makes the directory of a step.
func (h *Host) Store(ctx context.Context, run, stepID string) (*Store, error) {
	s := h.StoreOf(run, stepID)
	if err := h.MakeDir(ctx, s.dir); err != nil {
		return nil, fmt.Errorf("directory of step %s: %w", stepID, err)
	}
	return s, nil
}

// StoreOf is Store of a step whose directory was made before.
func (h *Host) StoreOf(run, stepID string) *Store {
	return &Store{h: h, dir: path.Join(h.runDir(run), "undo", safeName(stepID))}
}

// Dir implements step.Store.
func (s *Store) Dir() string { return s.dir }

// Put implements step.Store.
func (s *Store) Put(ctx context.Context, name string, r io.Reader) error {
	b, err := io.ReadAll(io.LimitReader(r, maxBlob+1))
	if err != nil {
		return fmt.Errorf("store %s: %w", name, err)
	}
	if len(b) > maxBlob {
		return fmt.Errorf("store %s: more than %d MiB: keep it in the directory of the step", name, maxBlob>>20)
	}
	return s.h.Put(ctx, path.Join(s.dir, safeName(name)), b)
}

// Get implements step.Store.
func (s *Store) Get(ctx context.Context, name string) ([]byte, error) {
	return s.h.Get(ctx, path.Join(s.dir, safeName(name)))
}

var _ step.Store = (*Store)(nil)
