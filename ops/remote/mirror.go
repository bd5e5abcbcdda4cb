package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"
)

// appendScript appends its input to a file that has to be as long as expected, as long as the lock is ours. It
// prints the time of the host.
const appendScript = `set -eu
file=$1 want=$2 size=$3 lock=$4 mine=$5
umask 077
dir=${file%/*}
[ -d "$dir" ] || mkdir -p "$dir"
tmp=$file.in.$$
trap 'rm -f "$tmp"' EXIT
cat >"$tmp"
[ "$(wc -c <"$tmp")" -eq "$size" ] || { echo "the input was cut off" >&2; exit 12; }
if [ -n "$lock" ]; then
	exec 9>>"${lock%/*}/guard"
	! command -v flock >/dev/null 2>&1 || flock 9
	cmp -s "$lock" "$mine" || { echo "somebody else holds the lock" >&2; exit 10; }
fi
have=0
[ ! -e "$file" ] || have=$(wc -c <"$file")
[ "$have" -eq "$want" ] || { echo $have; exit 11; }
cat "$tmp" >>"$file"
sync "$file" 2>/dev/null || sync
[ "$want" -ne 0 ] || sync "$dir" 2>/dev/null || sync
date +%s`

// tailScript prints a file from an offset on.
const tailScript = `[ -e "$1" ] || exit 0
tail -c "+$(($2 + 1))" "$1"`

// Mirror is the copy of a run's journal on one host.
type Mirror struct {
	h    *Host
	file string
	lock *Lock // nil: not fenced
	off  int64 // bytes of ours that are known to be there
	// Clock is how far the host's clock is ahead of ours, as of the last append.
	Clock time.Duration
}

// Mirror returns the copy of a run's journal on the host. With a lock, nothing is appended once another holds it.
func (h *Host) Mirror(run string, lock *Lock) *Mirror {
	return &Mirror{h: h, file: path.Join(h.runDir(run), "journal.jsonl"), lock: lock}
}

// Offset is how many bytes are known to be there.
func (m *Mirror) Offset() int64 { return m.off }

// Append brings the copy up to journal, all of the bytes of ours. What is there already must be their beginning.
func (m *Mirror) Append(ctx context.Context, journal func(from int64) ([]byte, error)) error {
	for {
		b, err := journal(m.off)
		if err != nil || len(b) == 0 {
			return err
		}
		lock, mine := "", ""
		if m.lock != nil {
			lock, mine = m.lock.file, m.lock.mine
		}
		sent := m.h.now()
		out, err := m.h.script(ctx, appendScript, b, m.file, strconv.FormatInt(m.off, 10), strconv.Itoa(len(b)), lock, mine)
		switch {
		case err == nil:
			m.off += int64(len(b))
			m.Clock = clockOf(out, sent)
			return nil
		case !isExit(err, exitOffset):
			return fmt.Errorf("copy of the journal: %w", err)
		}
		if err := m.catchUp(ctx, journal, strings.TrimSpace(out)); err != nil {
			return err
		}
	}
}

// catchUp compares what is on the host with ours: an append whose answer was lost, or one that was cut.
func (m *Mirror) catchUp(ctx context.Context, journal func(from int64) ([]byte, error), have string) error {
	n, err := strconv.ParseInt(have, 10, 64)
	if err != nil {
		return fmt.Errorf("%s: copy of the journal: length %q", m.h.Name, have)
	}
	if n < m.off {
		m.off = 0 // somebody cut it; what is left may be ours
		if n == 0 {
			return nil
		}
	}
	theirs, err := m.h.script(ctx, tailScript, nil, m.file, strconv.FormatInt(m.off, 10))
	if err != nil {
		return fmt.Errorf("copy of the journal: %w", err)
	}
	ours, err := journal(m.off)
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(ours, []byte(theirs)) {
		return fmt.Errorf("%s: copy of the journal: %w: it holds records that we do not have", m.h.Name, ErrFenced)
	}
	m.off += int64(len(theirs))
	return nil
}

// clockOf is how far a time in seconds is ahead of ours; what is under two seconds is none.
func clockOf(out string, sent time.Time) time.Duration {
	sec, err := strconv.ParseInt(strings.TrimSpace(out), 10, 64)
	if err != nil {
		return 0
	}
	ahead := time.Unix(sec, 0).Sub(sent)
	if ahead.Abs() < 2*time.Second {
		return 0
	}
	return ahead
}

// Journal reads the copy of a run's journal; nil when there is none.
func (h *Host) Journal(ctx context.Context, run string) ([]byte, error) {
	out, err := h.script(ctx, tailScript, nil, path.Join(h.runDir(run), "journal.jsonl"), "0")
	if err != nil {
		return nil, fmt.Errorf("copy of the journal of %s: %w", run, err)
	}
	return []byte(out), nil
}

// PutMeta writes the summary of a run.
func (h *Host) PutMeta(ctx context.Context, run string, b []byte) error {
	return h.Put(ctx, path.Join(h.runDir(run), "meta.json"), bytes.ReplaceAll(b, []byte("\n"), []byte(" ")))
}

// metasScript prints the summaries of the newest runs, one line each behind the name of the run.
const metasScript = `cd "$1/runs" 2>/dev/null || exit 0
for f in */; do f=${f%/}; [ ! -e "$f/meta.json" ] || echo "$f"; done | sort -r | head -n "$2" |
while read -r f; do printf '%s ' "$f"; head -n 1 "$f/meta.json"; echo; done`

// Metas returns the summaries of the newest runs on the host, by run.
func (h *Host) Metas(ctx context.Context, most int) (map[string][]byte, error) {
	out, err := h.script(ctx, metasScript, nil, h.Root, strconv.Itoa(most))
	if err != nil {
		return nil, fmt.Errorf("runs: %w", err)
	}
	got := map[string][]byte{}
	for line := range strings.Lines(out) {
		run, meta, ok := strings.Cut(strings.TrimSpace(line), " ")
		if ok && run != "" {
			got[run] = []byte(meta)
		}
	}
	return got, nil
}

// Tell leaves a message for whoever drives a run.
func (h *Host) Tell(ctx context.Context, run, name string, b []byte) error {
	return h.Put(ctx, path.Join(h.runDir(run), "inbox", safeName(name)+".json"), b)
}

// inboxScript prints what is in a directory, one line a file, and takes it out.
const inboxScript = `cd "$1" 2>/dev/null || exit 0
for f in *.json; do
	[ -e "$f" ] || continue
	printf '%s ' "$f"; tr '\n' ' ' <"$f"; echo
done`

// takeScript takes messages out that were dealt with.
const takeScript = `cd "$1" 2>/dev/null || exit 0
shift
for f; do rm -f "./$f"; done`

// Inbox returns the messages for a run by name.
func (h *Host) Inbox(ctx context.Context, run string) (map[string][]byte, error) {
	out, err := h.script(ctx, inboxScript, nil, path.Join(h.runDir(run), "inbox"))
	if err != nil {
		return nil, fmt.Errorf("inbox of %s: %w", run, err)
	}
	got := map[string][]byte{}
	for line := range strings.Lines(out) {
		if name, text, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			got[name] = []byte(text)
		}
	}
	return got, nil
}

// Taken takes messages out that were dealt with.
func (h *Host) Taken(ctx context.Context, run string, names ...string) error {
	_, err := h.script(ctx, takeScript, nil, append([]string{path.Join(h.runDir(run), "inbox")}, names...)...)
	return err
}

// AppendAudit adds lines of an operator's audit log to the host's copy of what that operator did there.
func (h *Host) AppendAudit(ctx context.Context, who string, lines []byte) error {
	_, err := h.script(ctx, auditScript, lines, path.Join(h.Root, "audit", safeName(who)+".jsonl"), strconv.Itoa(len(lines)))
	if errors.Is(err, context.Canceled) {
		return err
	}
	if err != nil {
		return fmt.Errorf("copy of the audit log: %w", err)
	}
	return nil
}

// auditScript appends its input to a file that others append to as well. A line that is there already, because
// the answer to an append was lost, is told by its hash by who reads.
const auditScript = `set -eu
file=$1 size=$2
umask 077
mkdir -p "${file%/*}"
tmp=$file.in.$$
trap 'rm -f "$tmp"' EXIT
cat >"$tmp"
[ "$(wc -c <"$tmp")" -eq "$size" ] || { echo "the input was cut off" >&2; exit 12; }
cat "$tmp" >>"$file"
sync "$file" 2>/dev/null || sync`

// removeScript deletes what a run keeps.
const removeScript = `set -eu
[ -d "$1/runs/$2" ] || exit 0
rm -rf "$1/runs/$2"`

// Remove deletes what a run keeps on the host.
func (h *Host) Remove(ctx context.Context, run string) error {
	name := safeName(run)
	if run == "" || name != run {
		return fmt.Errorf("%s: %q is no id of a run", h.Name, run)
	}
	if _, err := h.script(ctx, removeScript, nil, h.Root, name); err != nil {
		return fmt.Errorf("remove run %s: %w", run, err)
	}
	return nil
}
