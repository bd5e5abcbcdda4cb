package transport

// lifelineScript runs "$@" until its own standard input ends, which it does when the channel of an
// SSH session is closed or the connection is cut. sshd lets a command run on then, passes signals on
// only for logins other than root's, and nobody but root may signal what sudo started; every
// cancelled command would keep one of the few sessions of the connection, and stay on the host. The
// command gets a process group of its own where setsid(1) is there, so that all of a pipeline ends;
// and a death by signal is passed on, so that the server can report it.
const lifelineScript = `exec 3<&0 </dev/null; s=; command -v setsid >/dev/null 2>&1 && s=setsid; ` +
	`$s sh -c 'exec "$@"' sh "$@" 3<&- & p=$!; ` +
	`{ read -r x; kill -9 -$p || kill -9 $p; kill -9 $$; } <&3 >/dev/null 2>&1 & w=$!; ` +
	`exec 3<&-; wait $p; e=$?; kill -9 $w 2>/dev/null; ` +
	`[ $e -gt 128 ] && [ $e -lt 160 ] && kill -$((e-128)) $$ 2>/dev/null; exit $e`

// endsCommands in a server's identification means that it ends a command together with its channel
// (package sshd does): no lifeline is needed there.
const endsCommands = "ends-commands"

// lifeline wraps a command that gets no input.
func lifeline(argv []string) []string {
	return append([]string{"sh", "-c", lifelineScript, "sh"}, argv...)
}

// inputMode says what a command's standard input is for.
type inputMode int

const (
	inputNone  inputMode = iota // nothing: the lane may use it as a lifeline
	inputGiven                  // what the caller gives, or the keys of a terminal
	inputHeld                   // the command holds it as its lifeline already
)
