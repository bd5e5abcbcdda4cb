package transport

import "strings"

// signalNumbers are the numbers a shell adds to 128, the same on every Unix for these names.
var signalNumbers = map[string]int{
	"HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "TRAP": 5, "ABRT": 6, "FPE": 8, "KILL": 9,
	"SEGV": 11, "PIPE": 13, "ALRM": 14, "TERM": 15,
}

// signalExit is the exit status a shell reports for a command killed by the named signal.
func signalExit(name string) int {
	return 128 + signalNumbers[strings.TrimPrefix(name, "SIG")]
}
