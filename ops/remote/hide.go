package remote

import (
	"fmt"
	"strings"

	"midwatch/hosts"
	"midwatch/ops/secrets/forms"
)

// hider keeps a job's secrets out of its logs: what it prints goes through sed, whose script comes from memory by a
// pipe, never by argv or a file. A pipe file is removed when all of it was written.
const hider = `
hide() {
	(
		trap '' HUP INT TERM
		printf '%s\n' "$midwatch_hide" | { exec 3<&0 <"$1"; LC_ALL=C sed $u -f /dev/fd/3; } >>"$2"
		rm -f "$1"
	) &
}
if [ -n "${midwatch_hide+x}" ]; then
	if ! mkfifo out.p err.p 2>/dev/null; then
		echo "mkfifo does not work in the directory of the job, so its secrets could not be kept out of its log: it was not run" >err
		echo 73 >rc.t && mv rc.t rc
		exit 73
	fi
	u=-u
	sed -u p </dev/null >/dev/null 2>&1 || u=
	o=out.p e=err.p
	hide out.p log
	hide err.p err
fi
unset midwatch_hide`

var basicRegexp = strings.NewReplacer(`\`, `\\`, `/`, `\/`, `.`, `\.`, `*`, `\*`, `[`, `\[`, `^`, `\^`, `$`, `\$`)

// hideScript is the script of sed that makes dots of secrets, in every form that is looked for elsewhere too. sed
// goes by lines: of a secret of several, each line is hidden that is long enough.
func hideScript(hide []hosts.Secret) string {
	var b strings.Builder
	for _, f := range forms.Of(hide) {
		if !strings.ContainsAny(f, "\n\r") {
			fmt.Fprintf(&b, "s/%s/%s/g\n", basicRegexp.Replace(f), hosts.Dots)
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}
