// Command prog is what runs inside the containers of the conformance suite on a real engine: one
// static binary that is the container's program, its healthcheck and its shell.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"
)

func main() {
	os.Exit(run(filepath.Base(os.Args[0]), os.Args[1:], os.Stdout, os.Stderr)) //nolint:forbidigo // this is a main
}

func run(name string, args []string, out, errs io.Writer) int {
	switch {
	case name == "sh" && len(args) == 2 && args[0] == "-c":
		if code, known := command(args[1], out, errs); known {
			return code
		}
		return shell(out) // the script that starts the best shell there is
	case name == "sh":
		return shell(out)
	}
	return program(args, out, errs)
}

// readyFile says that the program minds its signals; as process 1 it would not even die of them
// before.
const readyFile = "/ready"

// program is what a Spec asks for.
func program(args []string, out, errs io.Writer) int {
	fs := flag.NewFlagSet("prog", flag.ContinueOnError)
	outs := fs.String("out", "", "lines for standard output, separated by |")
	errLines := fs.String("err", "", "lines for standard error, separated by |")
	long := fs.Int("long", 0, "write one line of this many bytes")
	tick := fs.Duration("tick", 0, "then write a line this often")
	burn := fs.Bool("burn", false, "use one processor")
	stays := fs.Bool("stays", false, "run until told to stop")
	exit := fs.Int("exit", 0, "exit code")
	if err := fs.Parse(args); err != nil {
		return 2
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	_ = os.WriteFile(readyFile, nil, 0o600)
	alternate(lines(*outs), lines(*errLines), out, errs)
	if *long > 0 {
		fmt.Fprintln(out, strings.Repeat("x", *long))
	}
	if *burn {
		go func() {
			for {
			}
		}()
	}
	if !*stays {
		return *exit
	}
	var ticks <-chan time.Time
	if *tick > 0 {
		ticks = time.NewTicker(*tick).C
	}
	for n := 1; ; n++ {
		select {
		case <-stop:
			return *exit
		case <-ticks:
			fmt.Fprintln(out, "tick", n)
		}
	}
}

func lines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, "|")
}

// alternate writes to the streams in turn, with a pause in which the engine takes each line.
func alternate(outs, errLines []string, out, errs io.Writer) {
	for i := range max(len(outs), len(errLines)) {
		if i < len(outs) {
			fmt.Fprintln(out, outs[i])
			<-time.After(10 * time.Millisecond)
		}
		if i < len(errLines) {
			fmt.Fprintln(errs, errLines[i])
			<-time.After(10 * time.Millisecond)
		}
	}
}

// command runs what sh -c is given, if it is one of the few that are known.
func command(cmd string, out, errs io.Writer) (code int, known bool) {
	switch {
	case strings.HasPrefix(cmd, "exit "):
		_, _ = fmt.Sscanf(cmd, "exit %d", &code)
	case strings.HasPrefix(cmd, "echo "):
		words, toErrs := strings.CutSuffix(strings.TrimPrefix(cmd, "echo "), " >&2")
		if toErrs {
			out = errs
		}
		fmt.Fprintln(out, words)
	case cmd == "probe ok":
		fmt.Fprintln(out, "probe says yes")
	case cmd == "probe bad":
		fmt.Fprintln(out, "probe says no")
		code = 1
	case cmd == "ready":
		if _, err := os.Stat(readyFile); err != nil {
			code = 1
		}
	case cmd == "cat":
		_, _ = io.Copy(out, os.Stdin)
	default:
		return 0, false
	}
	return code, true
}

// shell is interactive.
func shell(out io.Writer) int {
	in := bufio.NewScanner(os.Stdin)
	fmt.Fprint(out, "$ ")
	for in.Scan() {
		cmd := strings.TrimSpace(in.Text())
		if cmd == "stty size" {
			cols, rows, err := term.GetSize(0)
			if err != nil {
				fmt.Fprintln(out, err)
			}
			fmt.Fprintln(out, rows, cols)
		} else if code, known := command(cmd, out, out); known && strings.HasPrefix(cmd, "exit ") {
			return code
		}
		fmt.Fprint(out, "$ ")
	}
	return 0
}
