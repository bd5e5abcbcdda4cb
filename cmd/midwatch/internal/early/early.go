package early

import "os"

// started is TERM as the program was started with.
var started = hush()

type term struct {
	value string
	set   bool
}

func hush() term {
	v, ok := os.LookupEnv("TERM")
	// It fails for names with "=" or NUL only.
	_ = os.Setenv("TERM", "dumb")
	return term{v, ok}
}

// Restore gives TERM back.
func Restore() {
	if started.set {
		_ = os.Setenv("TERM", started.value)
		return
	}
	_ = os.Unsetenv("TERM")
}
