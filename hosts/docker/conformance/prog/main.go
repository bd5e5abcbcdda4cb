// Command prog is what runs inside the containers of the conformance suite: one static binary that
// is the container's program, its healthcheck and its shell.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"
)

func main() { os.Exit(run()) }

func run() int {
	switch filepath.Base(os.Args[0]) {
	case "sh":
		return shell(os.Args[1:])
	case "healthcheck":
		if len(os.Args) > 1 && os.Args[1] == "bad" {
			fmt.Println("probe says no")
			return 1
		}
		fmt.Println("probe says yes")
		return 0
	}
	out := flag.String("out", "", "lines for standard output, separated by |")
	errs := flag.String("err", "", "lines for standard error, separated by |")
	long := flag.Int("long", 0, "write one line of this many bytes")
	tick := flag.Duration("tick", 0, "then write a line this often")
	burn := flag.Bool("burn", false, "use one processor")
	stays := flag.Bool("stays", false, "run until told to stop")
	exit := flag.Int("exit", 0, "exit code")
	flag.Parse()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	write(lines(*out), lines(*errs))
	if *long > 0 {
		fmt.Println(strings.Repeat("x", *long))
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
			fmt.Println("tick", n)
		}
	}
}

func lines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, "|")
}

// write alternates between the streams, with a pause that lets the engine keep the order.
func write(out, errs []string) {
	for i := range max(len(out), len(errs)) {
		if i < len(out) {
			fmt.Fprintln(os.Stdout, out[i])
			time.Sleep(2 * time.Millisecond)
		}
		if i < len(errs) {
			fmt.Fprintln(os.Stderr, errs[i])
			time.Sleep(2 * time.Millisecond)
		}
	}
}

// shell is as much of a shell as the suite asks for.
func shell(args []string) int {
	if len(args) == 2 && args[0] == "-c" {
		cmd := args[1]
		var code int
		switch {
		case strings.HasPrefix(cmd, "exit "):
			_, _ = fmt.Sscanf(cmd, "exit %d", &code)
			return code
		case strings.HasPrefix(cmd, "echo "):
			words, toErr := strings.CutSuffix(strings.TrimPrefix(cmd, "echo "), " >&2")
			if toErr {
				fmt.Fprintln(os.Stderr, words)
			} else {
				fmt.Println(words)
			}
			return 0
		case cmd == "cat":
			in := bufio.NewScanner(os.Stdin)
			for in.Scan() {
				fmt.Println(in.Text())
			}
			return 0
		}
	}
	in := bufio.NewScanner(os.Stdin)
	fmt.Print("$ ")
	for in.Scan() {
		switch cmd := strings.TrimSpace(in.Text()); {
		case cmd == "exit" || strings.HasPrefix(cmd, "exit "):
			var code int
			_, _ = fmt.Sscanf(cmd, "exit %d", &code)
			return code
		case cmd == "stty size":
			w, h, err := term.GetSize(0)
			fmt.Println(h, w, errText(err))
		case strings.HasPrefix(cmd, "echo "):
			fmt.Println(strings.TrimPrefix(cmd, "echo "))
		}
		fmt.Print("$ ")
	}
	return 0
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
