package collect

import (
	"strconv"
	"strings"
)

// timeouts says whether the host has a timeout(1) that takes "-s KILL SECONDS".
type timeouts int

const (
	timeoutUnknown timeouts = iota // the batch finds out
	timeoutYes
	timeoutNo
)

// prologue sets what every section may count on: C locale, UTC, the directories of root's tools.
// mw_b and mw_e print the boundary lines, on both outputs so that complaints can be told apart too.
// /proc/uptime is a clock that costs no process.
const prologue = `LC_ALL=C TZ=UTC; export LC_ALL TZ
PATH="${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"; export PATH
mw_now() { mw_u=; read -r mw_u mw_x 2>/dev/null </proc/uptime; }
mw_b() { mw_now; printf '\n%s begin %s %s\n' "$mw" "$1" "${mw_u:--}"; printf '\n%s begin %s\n' "$mw" "$1" >&2; }
mw_e() { mw_now; printf '\n%s end %s %s\n' "$mw" "$1" "${mw_u:--}"; }
mw_run() { if [ "$mw_t" = yes ]; then timeout -s KILL "$1" sh -c "$2" </dev/null; else sh -c "$2" </dev/null; fi; }
`

// probe finds out about timeout(1). Busybox before 1.30 wants -t in front of the seconds and takes
// our call for a program named 9.
const probe = `if command -v timeout >/dev/null 2>&1 && timeout -s KILL 9 true 2>/dev/null; then mw_t=yes; else mw_t=no; fi
`

// batch is the script that reads the sections. It is one function called on its last line, so a
// script that was cut off on its way does nothing.
func batch(nonce string, sections []Section, t timeouts) string {
	var b strings.Builder
	b.WriteString("mw_main() {\nmw=" + nonce + "\n")
	b.WriteString(prologue)
	switch t {
	case timeoutYes:
		b.WriteString("mw_t=yes\n")
	case timeoutNo:
		b.WriteString("mw_t=no\n")
	default:
		b.WriteString(probe)
	}
	b.WriteString("mw_now; printf '\\n%s start %s %s %s\\n' \"$mw\" \"${mw_u:--}\" \"$(date +%s.%N)\" \"$mw_t\"\n")
	for _, s := range sections {
		b.WriteString("mw_b " + s.ID + "\n")
		if s.Plain {
			b.WriteString("(\n" + s.Script + "\n) </dev/null\n")
		} else {
			secs := int((s.limit() + 999999999) / 1000000000)
			b.WriteString("mw_run " + strconv.Itoa(secs) + " " + quote(s.Script) + "\n")
		}
		b.WriteString("mw_e $?\n")
	}
	b.WriteString("mw_now; printf '\\n%s done %s\\n' \"$mw\" \"${mw_u:--}\"\n}\nmw_main\n")
	return b.String()
}

// quote makes one shell word of s.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
