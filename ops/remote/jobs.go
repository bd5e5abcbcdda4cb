package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/ops/step"
)

const (
	grace     = 10 * time.Second // between TERM and KILL
	chunk     = 64 << 10         // bytes of output fetched at a time
	longPoll  = 25               // looks of 0.2 s in one fetch
	pollLimit = 60 * time.Second
)

// jobFunctions tell how the job in the current directory stands.
const jobFunctions = `
started() { [ -d started ]; }
alive() {
	[ -e pid ] && read -r pid start <pid || return 1
	if [ -d /proc/self ]; then
		s=$(cat "/proc/$pid/stat" 2>/dev/null) || return 1
		s=${s##*) }
		set -- $s
		[ "${20-}" = "$start" ] && [ "$1" != Z ]
	else
		kill -0 "$pid" 2>/dev/null
	fi
}
state() {
	if [ -e rc ]; then echo ended
	elif ! started; then echo none
	elif alive || [ ! -e pid ]; then echo running
	elif [ -e rc ]; then echo ended
	else echo lost
	fi
}
pause() { sleep 0.2 2>/dev/null || sleep 1; }
`

// runner is what runs detached: it claims the job, which only one can, runs it and writes down how it ended.
// $1 is the job's directory, $2 that of its secrets or "", $3 the user or "", $4 the umask of the login.
const runner = `
umask 077
trap : HUP INT TERM
cd "$1" || exit 1
if ! mkdir started 2>/dev/null; then [ -z "$2" ] || rm -rf "$2"; exit 0; fi
start=
if [ -r /proc/$$/stat ]; then s=$(cat /proc/$$/stat); s=${s##*) }; start=$(set -- $s; echo "${20}"); fi
echo "$$ $start" >pid.t && mv pid.t pid
sync pid . 2>/dev/null || sync
unset midwatch_stdin midwatch_hide
if [ -n "$2" ]; then . "$2/s"; rm -rf "$2"; fi
user=$3 mask=$4 o=log e=err
run() {
	umask "$mask"
	if [ -z "$user" ] || [ "$user" = "$(id -un)" ]; then exec sh ./cmd
	elif command -v runuser >/dev/null 2>&1; then exec runuser -u "$user" -- sh -c "$(cat cmd)"
	else exec sudo -n -E -u "$user" -- sh -c "$(cat cmd)"
	fi
}
` + hider + `
if [ -n "${midwatch_stdin+x}" ]; then
	printf %s "$midwatch_stdin" | (unset midwatch_stdin; run) >>$o 2>>$e
else
	(run) </dev/null >>$o 2>>$e
fi
rc=$?
n=25 # what the job has left running may hold its output: it goes on being hidden, and is not waited for
while [ -e out.p ] || [ -e err.p ]; do
	n=$((n - 1))
	[ $n -gt 0 ] || break
	sleep 0.2 2>/dev/null || sleep 1
done
echo $rc >rc.t
sync rc.t log err 2>/dev/null || sync
mv rc.t rc
sync . 2>/dev/null || sync
`

// startScript starts the runner so that nothing of this connection holds it, and waits until it has claimed the
// job. The secrets are its input; they go to a file system in memory.
const startScript = `set -u
dir=$1 size=$2 unit=$3 user=$4 grace=$5
mask=$(umask)
umask 077
cd "$dir" || exit 1
` + jobFunctions + `
if started; then exit 0; fi
sec=
if [ "$size" -gt 0 ]; then
	for base in /run /dev/shm; do
		[ -w "$base" ] && awk -v m="$base" '$2 == m && ($3 == "tmpfs" || $3 == "ramfs") { ok = 1 } END { exit !ok }' /proc/mounts || continue
		sec=$(mktemp -d "$base/$unit.XXXXXX") && break
	done
	[ -n "$sec" ] || { echo "no tmpfs at /run or /dev/shm that may be written" >&2; exit 13; }
	trap '[ -d started ] || rm -rf "$sec"' EXIT
	cat >"$sec/s"
	[ "$(wc -c <"$sec/s")" -eq "$size" ] || { echo "the input was cut off" >&2; exit 12; }
fi
: >>log; : >>err
n=100
if [ -d /run/systemd/system ] && [ "$(id -u)" = 0 ] && command -v systemd-run >/dev/null 2>&1; then
	echo systemd >how
	systemd-run --quiet --collect --unit="$unit" --property=TimeoutStopSec="$grace" --setenv=PATH="$PATH" \
		--setenv=HOME="${HOME:-/}" --setenv=LANG="${LANG:-C.UTF-8}" sh "$PWD/runner" "$dir" "$sec" "$user" "$mask" >&2 ||
		n=25 # a unit of that name is there: another call is starting the job at this moment, or it is something else's
else
	setsid=
	! command -v setsid >/dev/null 2>&1 || setsid=setsid
	$setsid sh ./runner "$dir" "$sec" "$user" "$mask" </dev/null >/dev/null 2>&1 &
fi
until started; do
	n=$((n - 1))
	[ $n -gt 0 ] || { [ ! -e how ] || echo "systemd did not start it" >&2; echo "the job did not start" >&2; exit 1; }
	pause
done`

// tailJobScript prints how the job stands and what it has written since two offsets, waiting a while for news.
const tailJobScript = `set -u
dir=$1 o=$2 e=$3 most=$4 n=$5
cd "$dir" 2>/dev/null || { echo "none 0 0 0"; exit 0; }
` + jobFunctions + `
size() { if [ -e "$1" ]; then wc -c <"$1"; else echo 0; fi; }
while :; do
	s=$(state)
	lo=$(size log) le=$(size err)
	[ "$lo" -le "$o" ] && [ "$le" -le "$e" ] && [ "$s" = running ] && [ "$n" -gt 0 ] || break
	n=$((n - 1))
	pause
done
rc=0
[ ! -e rc ] || read -r rc <rc
a=$((lo - o)) b=$((le - e))
[ "$a" -le "$most" ] || { a=$most; [ "$s" = running ] || s=more; }
[ "$b" -le "$most" ] || { b=$most; [ "$s" = running ] || s=more; }
[ "$a" -ge 0 ] || a=0
[ "$b" -ge 0 ] || b=0
echo "$s $rc $a $b"
[ "$a" -eq 0 ] || tail -c "+$((o + 1))" log | head -c "$a"
[ "$b" -eq 0 ] || tail -c "+$((e + 1))" err | head -c "$b"`

// stopScript ends a job, first politely, and looks until nothing of it is left. A job that was not started is
// claimed, so that it never starts.
const stopScript = `set -u
dir=$1 unit=$2 n=$3
umask 077
mkdir -p "$dir"
cd "$dir" || exit 1
` + jobFunctions + `
if mkdir started 2>/dev/null; then echo 143 >rc; exit 0; fi
tries=25
while [ ! -e pid ] && [ ! -e rc ] && [ $tries -gt 0 ]; do tries=$((tries - 1)); pause; done
[ -e pid ] || { [ -e rc ] || echo 143 >rc; exit 0; }
read -r pid start <pid
# The runner leads a session of its own: everything in it is of the job. What has ended and was not reaped by
# anybody is not there.
members() {
	cat /proc/[0-9]*/stat 2>/dev/null |
		awk -v s="$pid" '{ p = $1; sub(/^.*\) /, ""); if ($4 == s && $1 != "Z") print p }'
}
left() {
	if [ -e how ]; then
		case $(systemctl is-active "$unit" 2>/dev/null) in active|activating|deactivating) return 0 ;; esac
		return 1
	fi
	alive || [ -n "$(members)" ]
}
signal() {
	if [ -e how ]; then systemctl kill --signal="$1" "$unit" 2>/dev/null; return; fi
	for p in $(members); do kill "-$1" "$p" 2>/dev/null; done
}
if left; then
	signal TERM
	while left && [ "$n" -gt 0 ]; do n=$((n - 1)); pause; done
	! left || signal KILL
	n=50
	while left && [ "$n" -gt 0 ]; do n=$((n - 1)); pause; done
	! left || { echo "it does not end, not even by KILL" >&2; exit 1; }
fi
[ -e rc ] || { echo 137 >rc.t; sync rc.t 2>/dev/null || sync; mv rc.t rc; }`

// sweepScript takes out secrets of jobs that were never started.
const sweepScript = `for base in /run /dev/shm; do
	for d in "$base/midwatch-$1"-*; do [ ! -d "$d" ] || rm -rf "$d"; done
done 2>/dev/null; :`

// Jobs are the detached jobs of one try of a step.
type Jobs struct {
	h      *Host
	run    string
	prefix string
	// Began is called with the name of a job before it is started. Optional.
	Began func(name string)
}

// Jobs returns the jobs of a step; prefix tells its tries apart.
func (h *Host) Jobs(run, prefix string) *Jobs { return &Jobs{h: h, run: run, prefix: prefix} }

func (j *Jobs) dir(name string) string {
	return path.Join(j.h.runDir(j.run), "jobs", safeName(j.prefix+"."+name))
}

// unit is the name of the job's unit of systemd.
func (j *Jobs) unit(name string) string {
	return "midwatch-" + safeName(j.run+"-"+j.prefix+"-"+name)
}

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// quote makes one word of a shell of any text.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// command makes the file of a job.
func command(j step.Job) ([]byte, error) {
	if len(j.Argv) == 0 {
		return nil, errors.New("a job without a command")
	}
	var b bytes.Buffer
	b.WriteString("#!/bin/sh\n")
	if j.Dir != "" {
		fmt.Fprintf(&b, "cd -- %s || exit 126\n", quote(j.Dir))
	} else {
		b.WriteString("cd -- \"${HOME:-/}\" || exit 126\n")
	}
	if err := exports(&b, j.Env); err != nil {
		return nil, err
	}
	b.WriteString("exec")
	for _, a := range j.Argv {
		b.WriteString(" " + quote(a))
	}
	b.WriteString("\n")
	if bytes.IndexByte(b.Bytes(), 0) >= 0 {
		return nil, errors.New("a NUL byte in a command")
	}
	return b.Bytes(), nil
}

// exports writes an environment.
func exports(b *bytes.Buffer, env map[string]string) error {
	names := make([]string, 0, len(env))
	for n := range env {
		if !envName.MatchString(n) {
			return fmt.Errorf("%q is no name of an environment variable", n)
		}
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		fmt.Fprintf(b, "export %s=%s\n", n, quote(env[n]))
	}
	return nil
}

// secretsOf makes the file of a job's secrets; nil when it has none.
func secretsOf(j step.Job) ([]byte, error) {
	env := map[string]string{}
	for n, s := range j.Secret {
		env[n] = s.Reveal()
	}
	var b bytes.Buffer
	if err := exports(&b, env); err != nil {
		return nil, err
	}
	if !j.Stdin.Empty() {
		fmt.Fprintf(&b, "midwatch_stdin=%s\n", quote(j.Stdin.Reveal()))
	}
	if script := hideScript(j.Hide); script != "" {
		fmt.Fprintf(&b, "midwatch_hide=%s\n", quote(script))
	}
	if bytes.IndexByte(b.Bytes(), 0) >= 0 {
		return nil, errors.New("a NUL byte in a secret")
	}
	return b.Bytes(), nil
}

// Run implements step.Jobs.
func (j *Jobs) Run(ctx context.Context, name string, job step.Job, line func(text string, stderr bool)) (int, error) {
	cmd, err := command(job)
	if err != nil {
		return 0, fmt.Errorf("job %s: %w", name, err)
	}
	sec, err := secretsOf(job)
	if err != nil {
		return 0, fmt.Errorf("job %s: %w", name, err)
	}
	if j.Began != nil {
		j.Began(name)
	}
	if err := j.start(ctx, name, job, cmd, sec); err != nil {
		return 0, fmt.Errorf("job %s: %w", name, err)
	}
	exit, err := j.follow(ctx, name, line)
	if err != nil {
		return exit, fmt.Errorf("job %s: %w", name, err)
	}
	return exit, nil
}

func (j *Jobs) start(ctx context.Context, name string, job step.Job, cmd, sec []byte) error {
	p, _, err := j.Find(ctx, name)
	if err != nil || p != step.NotStarted {
		return err
	}
	dir := j.dir(name)
	if err := j.h.MakeDir(ctx, dir); err != nil {
		return err
	}
	for file, b := range map[string][]byte{"cmd": cmd, "runner": []byte(runner)} {
		if err := j.h.Put(ctx, path.Join(dir, file), b); err != nil {
			return err
		}
	}
	_, err = j.h.scriptAs(ctx, job.Sudo, startScript, orEmpty(sec), pollLimit, dir, strconv.Itoa(len(sec)), j.unit(name), job.User,
		strconv.Itoa(int(grace/time.Second)))
	return err
}

// fetched is one answer of tailJobScript.
type fetched struct {
	state    string
	rc       int
	out, err []byte
}

func (j *Jobs) fetch(ctx context.Context, name string, o, e int64, looks int) (fetched, error) {
	out, err := j.h.scriptAs(ctx, j.h.Sudo, tailJobScript, nil, pollLimit, j.dir(name), strconv.FormatInt(o, 10),
		strconv.FormatInt(e, 10), strconv.Itoa(chunk), strconv.Itoa(looks))
	if err != nil {
		return fetched{}, err
	}
	head, rest, _ := strings.Cut(out, "\n")
	var f fetched
	var a, b int
	if _, err := fmt.Sscanf(head, "%s %d %d %d", &f.state, &f.rc, &a, &b); err != nil || a < 0 || b < 0 || a+b > len(rest) {
		return fetched{}, fmt.Errorf("%s: how the job stands cannot be read: %q", j.h.Name, hosts.CleanLine(head))
	}
	f.out, f.err = []byte(rest[:a]), []byte(rest[a:a+b])
	return f, nil
}

// follow gives the job's lines to line until it has ended.
func (j *Jobs) follow(ctx context.Context, name string, line func(string, bool)) (int, error) {
	var o, e int64
	var outRest, errRest []byte
	for {
		f, err := j.fetch(ctx, name, o, e, longPoll)
		if err != nil {
			return 0, err
		}
		o, e = o+int64(len(f.out)), e+int64(len(f.err))
		outRest = lines(append(outRest, f.out...), false, line)
		errRest = lines(append(errRest, f.err...), true, line)
		switch f.state {
		case "running", "more":
			continue
		case "ended":
			flush(outRest, false, line)
			flush(errRest, true, line)
			return f.rc, nil
		case "lost":
			return 0, fmt.Errorf("%s: %w", j.h.Name, ErrLost)
		}
		return 0, fmt.Errorf("%s: the job is not there any more: its directory was removed", j.h.Name)
	}
}

// maxLine is where a line without an end is cut.
const maxLine = 64 << 10

// lines gives whole lines away and returns the rest.
func lines(b []byte, stderr bool, line func(string, bool)) []byte {
	for {
		i := bytes.IndexByte(b, '\n')
		switch {
		case i >= 0:
			line(strings.TrimSuffix(string(b[:i]), "\r"), stderr)
			b = b[i+1:]
		case len(b) > maxLine:
			line(string(b[:maxLine]), stderr)
			b = b[maxLine:]
		default:
			return b
		}
	}
}

func flush(b []byte, stderr bool, line func(string, bool)) {
	if len(b) > 0 {
		line(string(b), stderr)
	}
}

// Find implements step.Jobs. A job that ended without an exit status is step.Unclear.
func (j *Jobs) Find(ctx context.Context, name string) (step.Progress, int, error) {
	const all = 1 << 40 // no output, only how it stands
	f, err := j.fetch(ctx, name, all, all, 0)
	if err != nil {
		return step.Unclear, 0, fmt.Errorf("job %s: %w", name, err)
	}
	switch f.state {
	case "none":
		return step.NotStarted, 0, nil
	case "ended":
		return step.Ended, f.rc, nil
	case "running":
		return step.Running, 0, nil
	}
	return step.Unclear, 0, nil
}

// Stop implements step.Jobs.
func (j *Jobs) Stop(ctx context.Context, name string) error {
	_, err := j.h.scriptAs(ctx, j.h.Sudo, stopScript, nil, pollLimit, j.dir(name), j.unit(name), strconv.Itoa(int(grace/(200*time.Millisecond))))
	if err != nil {
		return fmt.Errorf("stop job %s: %w", name, err)
	}
	return nil
}

// logScript prints the end of both outputs of a job.
const logScript = `cd "$1" 2>/dev/null || exit 0
for f in log err; do [ ! -e "$f" ] || tail -c "$2" "$f"; done`

// Log implements step.Jobs. Standard output comes first: the two are kept apart on the host.
func (j *Jobs) Log(ctx context.Context, name string, limit int64) ([]byte, error) {
	out, err := j.h.script(ctx, logScript, nil, j.dir(name), strconv.FormatInt(limit, 10))
	if err != nil {
		return nil, fmt.Errorf("log of job %s: %w", name, err)
	}
	return []byte(out), nil
}

// Sweep takes out what jobs of a run left in memory file systems before they started.
func (h *Host) Sweep(ctx context.Context, run string) error {
	_, err := h.script(ctx, sweepScript, nil, safeName(run))
	return err
}

var _ step.Jobs = (*Jobs)(nil)

// outputScript prints what the jobs of a step printed, from an offset on, in the order of their names.
const outputScript = `cd "$1" 2>/dev/null || exit 0
for d in "$2".[0-9]*/; do
	[ ! -d "$d" ] || cat "$d/log" "$d/err" 2>/dev/null
done | tail -c "+$(($3 + 1))" | head -c 1048576`

// Output returns what the jobs of a step of a run printed so far, from a byte offset on, at most a MiB.
func (h *Host) Output(ctx context.Context, run, stepID string, from int64) ([]byte, error) {
	out, err := h.script(ctx, outputScript, nil, path.Join(h.runDir(run), "jobs"), safeName(stepID), strconv.FormatInt(max(from, 0), 10))
	if err != nil {
		return nil, fmt.Errorf("output of %s: %w", stepID, err)
	}
	return []byte(out), nil
}
