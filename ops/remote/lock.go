package remote

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
)

// The times of a lock.
const (
	DefaultTTL = 90 * time.Second
	beats      = 6 // heartbeats in a TTL
	maxBeat    = 5 * time.Second
)

// LockRecord is what a lock says of its holder. Times are in none of its fields: a lock's age is told by the
// clock of the host it lies on.
type LockRecord struct {
	Token   string        `json:"token"`
	Run     string        `json:"run"` // "" when taken by hand
	Deploy  string        `json:"deploy"`
	Env     string        `json:"env"`
	User    string        `json:"user"`
	Machine string        `json:"machine"`
	Reason  string        `json:"reason"`
	Plan    string        `json:"plan,omitempty"`
	TTL     time.Duration `json:"ttl"`
	Version string        `json:"version,omitempty"`
	PID     int           `json:"pid"`
	// Frozen is a lock taken by hand: it has no heartbeat and does not go stale.
	Frozen bool `json:"frozen,omitempty"`
	// TookOver is the token of the lock that this one replaced.
	TookOver string `json:"took_over_from,omitempty"`
}

// LockLook is a lock as it lies on a host.
type LockLook struct {
	LockRecord
	Host  string
	Since time.Duration // since it was taken, by the host's clock
	Beat  time.Duration // since the last sign of its holder, by the host's clock
	Jobs  int           // jobs of its run that are alive
}

// Stale reports a lock whose holder has gone: no sign for its TTL, and none of its jobs alive.
func (l LockLook) Stale() bool { return l.Quiet() && l.Jobs == 0 }

// Quiet reports a lock whose holder gave no sign for its TTL; jobs of its run may be alive.
func (l LockLook) Quiet() bool { return !l.Frozen && l.Beat > l.TTL }

// State is "live", "stale" or "frozen".
func (l LockLook) State() string {
	switch {
	case l.Frozen:
		return "frozen"
	case l.Stale():
		return "stale"
	}
	return "live"
}

// HeldError is a lock that somebody else holds. It matches ErrHeld.
type HeldError struct{ Look LockLook }

func (e *HeldError) Error() string {
	l := e.Look
	what := "by hand"
	if l.Run != "" {
		what = "for run " + l.Run
	}
	s := fmt.Sprintf("%s: locked %s by %s@%s since %s, last sign %s ago (%s)", l.Host, what, l.User, l.Machine,
		l.Since.Round(time.Second), l.Beat.Round(time.Second), l.State())
	if l.Reason != "" {
		s += ": " + l.Reason
	}
	return hosts.CleanLine(s)
}

// Is makes errors.Is(err, ErrHeld) true.
func (e *HeldError) Is(target error) bool { return target == ErrHeld }

// Lock is a lock that we hold on one host.
type Lock struct {
	Record     LockRecord
	h          *Host
	file, mine string
}

// lookFunctions print what is known of a lock: its ages and the jobs of its run that are alive, then the lock.
const lookFunctions = `
mtime() { stat -c %Y "$1" 2>/dev/null || stat -f %m "$1" 2>/dev/null || echo 0; }
alive() {
	n=0
	for p in "$1"/jobs/*/pid; do
		[ -e "$p" ] && [ ! -e "${p%/pid}/rc" ] || continue
		read -r pid start <"$p" || continue
		if [ -r "/proc/$pid/stat" ]; then
			s=$(cat "/proc/$pid/stat" 2>/dev/null) || continue
			s=${s##*) }
			set -- "$1" $s
			[ "${21-}" = "$start" ] || continue
			[ "$2" != Z ] || continue
			n=$((n + 1))
		fi
	done
	echo $n
}
field() { sed -n "s/.*\"$2\":\"\([^\"]*\)\".*/\1/p" "$1"; }
look() {
	now=$(date +%s)
	run=$(field "$1" run)
	held=$(field "$1" token)
	jobs=0
	[ -z "$run" ] || jobs=$(alive "$root/runs/$run")
	since=$(mtime "${1%/*}/$held.since")
	echo "$((now - since)) $((now - $(mtime "$1"))) $jobs $(cat "$1")"
}
guarded() {
	exec 9>>"$dir/guard"
	! command -v flock >/dev/null 2>&1 || flock 9
}
`

// lockScript takes a lock by link(2), or says who holds it. With a token it takes over the lock of that token,
// when its holder has been quiet for so long, and, unless jobs do not matter, has no job alive.
const lockScript = `set -u
root=$1 lock=$2 token=$3 size=$4 over=$5 quiet=$6 jobsok=$7
dir=${lock%/*}
mine=$dir/$token.mine
umask 077
mkdir -p "$dir/history" || exit 1
` + lookFunctions + `
if [ ! -e "$mine" ]; then
	cat >"$mine.in" || exit 1
	[ "$(wc -c <"$mine.in")" -eq "$size" ] || { rm -f "$mine.in"; echo "the input was cut off" >&2; exit 12; }
	sync "$mine.in" 2>/dev/null || sync
	: >"$dir/$token.since"
	mv "$mine.in" "$mine" || exit 1
fi
guarded
take() {
	touch "$mine" "$dir/$token.since"
	if ln "$mine" "$lock" 2>/dev/null; then
		sync "$dir" 2>/dev/null || sync
		date +%s
		exit 0
	fi
}
take
if cmp -s "$lock" "$mine"; then date +%s; exit 0; fi
if [ -n "$over" ] && [ "$(field "$lock" token)" = "$over" ]; then
	l=$(look "$lock")
	set -f
	set -- $l
	set +f
	if [ "$2" -ge "$quiet" ] && { [ "$jobsok" = yes ] || [ "$3" -eq 0 ]; }; then
		old=$dir/history/${lock##*/}.$(date +%s).taken.$over
		mv "$lock" "$old" || exit 1
		if [ "$(field "$old" token)" = "$over" ]; then
			rm -f "$dir/$over.mine" "$dir/$over.since"
			take
		else
			ln "$old" "$lock" 2>/dev/null
			rm -f "$old"
		fi
	fi
fi
look "$lock" 2>/dev/null
rm -f "$mine" "$dir/$token.since"
exit 14`

// releaseScript gives a lock back, when it is ours.
const releaseScript = `set -u
lock=$1 token=$2
dir=${lock%/*}
mine=$dir/$token.mine
` + lookFunctions + `
[ -d "$dir" ] || exit 0
guarded
if [ ! -e "$mine" ]; then
	for f in "$dir"/history/*.released."$token"; do [ ! -e "$f" ] || exit 0; done
	echo "somebody else holds the lock" >&2
	exit 10
fi
cmp -s "$lock" "$mine" || { rm -f "$mine" "$dir/$token.since"; echo "somebody else holds the lock" >&2; exit 10; }
mv "$lock" "$dir/history/${lock##*/}.$(date +%s).released.$token" || exit 1
rm -f "$mine" "$dir/$token.since"
sync "$dir" 2>/dev/null || sync`

// lookScript prints every lock on the host.
const lookScript = `set -u
root=$1
` + lookFunctions + `
for f in "$root"/locks/*.json; do [ ! -e "$f" ] || look "$f"; done`

// holdScript reads heartbeats from its input and keeps the lock fresh as long as it is ours. It ends with its
// input; it never takes the lock away. Each beat is answered by the number of messages for the run.
const holdScript = `lock=$1 mine=$2 inbox=$3
while cmp -s "$lock" "$mine"; do
	set -- "$inbox"/*.json
	[ -e "$1" ] || shift
	echo "ok $#"
	read -r beat || exit 0
	touch "$mine"
done
echo lost
exit 10`

// NewToken makes the token of a lock: 128 bits.
func NewToken() string { return strings.ToLower(rand.Text()) }

func (h *Host) lockFile(deploy, env string) string {
	return path.Join(h.Root, "locks", safeName(deploy)+"."+safeName(env)+".json")
}

// Over says that a lock that lies there may be taken over.
type Over struct {
	Token string // of the lock as it was seen
	// Jobs lets jobs of its run be alive: the run is adopted.
	Jobs bool
	// Force takes it though its holder gives signs of life.
	Force bool
	Quiet time.Duration // how long the holder must have been quiet; its TTL
}

// Acquire takes the lock of a deploy on the host. One that is held is a *HeldError. A second call with the same
// token finds what the first one took.
func (h *Host) Acquire(ctx context.Context, r LockRecord, over Over) (*Lock, time.Duration, error) {
	if r.Token == "" {
		return nil, 0, errors.New("a lock without a token")
	}
	if r.TTL <= 0 {
		r.TTL = DefaultTTL
	}
	if over.Token != "" {
		r.TookOver = over.Token
	}
	b, err := json.Marshal(r)
	if err != nil {
		return nil, 0, err
	}
	b = append(b, '\n')
	l := &Lock{Record: r, h: h, file: h.lockFile(r.Deploy, r.Env)}
	l.mine = path.Join(path.Dir(l.file), r.Token+".mine")
	// An age is in whole seconds: one that is cut off must not make a holder older than it is.
	quiet := int64(over.Quiet/time.Second) + 1
	if over.Force {
		quiet = -1 << 31
	}
	sent := h.now()
	out, err := h.script(ctx, lockScript, b, h.Root, l.file, r.Token, strconv.Itoa(len(b)), over.Token,
		strconv.FormatInt(quiet, 10), yesNo(over.Jobs || over.Force))
	var exit *exitError
	if errors.As(err, &exit) && exit.code == exitHeld {
		looks := h.parseLooks(exit.out)
		if len(looks) == 1 {
			return nil, 0, &HeldError{Look: looks[0]}
		}
		return nil, 0, fmt.Errorf("%s: %w, and the lock cannot be read", h.Name, ErrHeld)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("lock %s: %w", r.Deploy, err)
	}
	return l, clockOf(out, sent), nil
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// Held returns a lock that was taken before with this token, without looking.
func (h *Host) Held(r LockRecord) *Lock {
	l := &Lock{Record: r, h: h, file: h.lockFile(r.Deploy, r.Env)}
	l.mine = path.Join(path.Dir(l.file), r.Token+".mine")
	return l
}

// parseLooks reads lines of look.
func (h *Host) parseLooks(out string) []LockLook {
	var all []LockLook
	for line := range strings.Lines(out) {
		f := strings.SplitN(strings.TrimSpace(line), " ", 4)
		if len(f) < 4 {
			continue
		}
		l := LockLook{Host: h.Name}
		if json.Unmarshal([]byte(f[3]), &l.LockRecord) != nil {
			l.Reason = "the lock cannot be read"
		}
		l.Since, l.Beat = seconds(f[0]), seconds(f[1])
		l.Jobs, _ = strconv.Atoi(f[2])
		all = append(all, l)
	}
	return all
}

func seconds(s string) time.Duration {
	n, _ := strconv.ParseInt(s, 10, 64)
	return time.Duration(n) * time.Second
}

// Locks returns the locks on the host.
func (h *Host) Locks(ctx context.Context) ([]LockLook, error) {
	out, err := h.script(ctx, lookScript, nil, h.Root)
	if err != nil {
		return nil, fmt.Errorf("locks: %w", err)
	}
	return h.parseLooks(out), nil
}

// Release gives the lock back, when it is still ours; when it is not, that is ErrFenced.
func (l *Lock) Release(ctx context.Context) error {
	if _, err := l.h.script(ctx, releaseScript, nil, l.file, l.Record.Token); err != nil {
		return fmt.Errorf("release the lock of %s: %w", l.Record.Deploy, err)
	}
	return nil
}
