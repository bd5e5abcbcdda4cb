// Command midwatch is the operations console for the engineer on call.
package main

import (
	"context"
	"os"

	"midwatch/cmd/midwatch/internal/early"
	"midwatch/cmd/midwatch/internal/rsh"
)

func main() { os.Exit(int(program())) }

// program is main without the exit, so that tests can be the program.
func program() exitCode {
	early.Restore()
	if len(os.Args) > 1 && os.Args[1] == rsh.Word {
		return exitCode(rsh.Main(context.Background(), os.Args[2:], os.Stdin, os.Stdout, os.Stderr)) // rsync calls
	}
	a := newApp(os.Stdin, os.Stdout, os.Stderr, os.Getenv)
	a.die = func(code exitCode) { os.Exit(int(code)) }
	ctx, stop := a.watchSignals()
	defer stop()
	err := a.execute(ctx, os.Args[1:])
	return a.report(err)
}
