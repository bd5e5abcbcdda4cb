// Command svc plays the containers of the lab: one static binary in an image with nothing else.
//
//	svc serve   answers GET /health (200, or 503 while /tmp/sick exists) and GET / on :8080, or on every
//	            -listen ADDRESS or unix:/PATH; -id NAME is said in a header, beside what was asked for
//	svc app     -listen likewise, answers as an application behind proxies does; see app.go
//	svc db      makes the SQLite database -db and keeps it open
//	svc health  asks the above and exits 0 or 1: the HEALTHCHECK of an image without a shell
//	svc log     writes a line every -every, every tenth to standard error
//	svc pour    says that it is ready, waits -after, and writes -lines numbered lines, -rate a second, to
//	            standard output or -file, which is put aside after every -rotate
//	svc crash   waits -after, then exits with -code
//	svc work    a worker of a fleet, on a unix socket of its own; see work.go
//	svc echo    sends back what it is sent, on 127.0.0.1:7007 and /run/labecho.sock: the other side of a dial
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "svc serve|app|db|health|log|pour|crash|work|echo")
		os.Exit(2)
	}
	mode := os.Args[1]
	if mode == "work" {
		if err := work(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "svc:", err)
			os.Exit(1)
		}
		return
	}
	flags := flag.NewFlagSet(mode, flag.ExitOnError)
	every := flags.Duration("every", time.Second, "time between log lines")
	after := flags.Duration("after", 2*time.Second, "time before the crash, or before lines are poured")
	code := flags.Int("code", 3, "exit code of the crash")
	held := flags.String("db", "", "FILE that db keeps open")
	id := flags.String("id", "", "NAME that answers are signed with")
	var listen []string
	flags.Func("listen", "ADDRESS or unix:/PATH to serve on; may be given several times", func(s string) error {
		listen = append(listen, s)
		return nil
	})
	p := pouring{}
	flags.StringVar(&p.name, "name", "pour", "what every poured line says")
	flags.IntVar(&p.rate, "rate", 100, "lines poured a second")
	flags.IntVar(&p.lines, "lines", 1000, "lines poured in all")
	flags.StringVar(&p.file, "file", "", "file to pour into; standard output without one")
	flags.Func("rotate", "time from the start after which the file is put aside; may be given several times", func(s string) error {
		d, err := time.ParseDuration(s)
		p.rotate = append(p.rotate, d)
		return err
	})
	_ = flags.Parse(os.Args[2:]) // ExitOnError

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	var err error
	switch mode {
	case "serve":
		err = serve(ctx, signed(*id), listen)
	case "app":
		err = serve(ctx, app(*every), listen)
	case "db":
		err = database(ctx, *held)
	case "health":
		err = health(ctx)
	case "log":
		emit(ctx, *every)
	case "pour":
		p.after = *after
		err = pour(ctx, p)
	case "crash":
		select {
		case <-ctx.Done():
		case <-time.After(*after):
			fmt.Fprintln(os.Stderr, "svc: crashing on purpose")
			os.Exit(*code)
		}
	case "echo":
		err = errors.Join(echo(ctx, "tcp", "127.0.0.1:7007"), echo(ctx, "unix", "/run/labecho.sock"))
		if err == nil {
			<-ctx.Done()
		}
	default:
		err = fmt.Errorf("unknown mode %q", mode)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "svc:", err)
		os.Exit(1)
	}
}

// signed answers every path, and says in a header who did.
func signed(id string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		if _, err := os.Stat("/tmp/sick"); err == nil {
			http.Error(w, "sick", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Printf("%s %s %s\n", r.RemoteAddr, r.Method, r.URL.Path)
		if id != "" {
			w.Header().Set("X-Answered-By", id)
			w.Header().Set("X-Saw", saw(r))
		}
		fmt.Fprintln(w, "svc", r.URL.Path)
	})
	return mux
}

func serve(ctx context.Context, h http.Handler, listen []string) error {
	if len(listen) == 0 {
		listen = []string{":8080"}
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		_ = srv.Close()
	}()
	ended := make(chan error, len(listen))
	for _, address := range listen {
		l, err := open(ctx, address)
		if err != nil {
			return err
		}
		fmt.Println("serving on", address)
		go func() { ended <- srv.Serve(l) }()
	}
	if err := <-ended; ctx.Err() == nil {
		return err
	}
	return nil
}

// saw is what a proxy in front passed on.
func saw(r *http.Request) string {
	text := r.RequestURI + " host=" + r.Host
	for _, name := range []string{"X-Forwarded-Proto", "Upgrade"} {
		if v := r.Header.Get(name); v != "" {
			text += " " + strings.ToLower(name) + "=" + v
		}
	}
	return text
}

// open listens on an address, or on a unix socket that everybody may connect to.
func open(ctx context.Context, address string) (net.Listener, error) {
	var lc net.ListenConfig
	sock, ok := strings.CutPrefix(address, "unix:")
	if !ok {
		return lc.Listen(ctx, "tcp", address)
	}
	if err := os.Remove(sock); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := lc.Listen(ctx, "unix", sock)
	if err != nil {
		return nil, err
	}
	return l, os.Chmod(sock, 0o666) //nolint:gosec // workers of nginx connect to it
}

func health(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:8080/health", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("health: %s", resp.Status)
	}
	return nil
}

func emit(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 1; ; n++ {
		out, level := os.Stdout, "INFO"
		if n%10 == 0 {
			out, level = os.Stderr, "ERROR"
		}
		fmt.Fprintf(out, "%s %s line %d\n", time.Now().UTC().Format(time.RFC3339Nano), level, n)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// echo starts to listen and returns; who is done sending is told that we are, too.
func echo(ctx context.Context, network, address string) error {
	if network == "unix" {
		address = "unix:" + address
	}
	l, err := open(ctx, address)
	if err != nil {
		return err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return nil
}
