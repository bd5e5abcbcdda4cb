// Command midwatch is the operations console for the engineer on call.
package main

import (
	"os"

	"midwatch/cmd/midwatch/internal/early"
)

func main() { os.Exit(int(run())) }

// run is main without the exit, so that tests can be the program.
func run() exitCode {
	early.Restore()
	a := newApp(os.Stdin, os.Stdout, os.Stderr, os.Getenv)
	a.die = func(code exitCode) { os.Exit(int(code)) }
	ctx, stop := a.watchSignals()
	defer stop()
	err := a.execute(ctx, os.Args[1:])
	return a.report(err)
}
