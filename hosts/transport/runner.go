package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"midwatch/hosts"
)

const (
	// defaultTimeout bounds a command that says nothing about itself.
	defaultTimeout = 20 * time.Second
	// drainLimit is how much output over its limit a command may print before it is killed: enough
	// to let a command that is a little too talkative end by itself, with its exit status.
	drainLimit = 32 << 20
)

// process is a started command. Kill makes every blocked call return promptly, even when the host
// says nothing any more.
type process interface {
	Stdin() io.WriteCloser // Close is the end of the input; the lane sees to it when there is none
	Stdout() io.Reader
	Stderr() io.Reader // without anything to read when there is a terminal
	// Wait returns how the command ended. It may be called after both outputs ended, or after Kill.
	Wait() (exitStatus, error)
	Kill()
	Resize(hosts.Size) error
}

// exitStatus is how a command ended.
type exitStatus struct {
	code   int
	signal string
}

// spec is a command as a spawner is given it.
type spec struct {
	argv   []string
	input  inputMode
	term   *hosts.Term
	stream bool
	// begun is called when the command leaves the queue: its time starts to count.
	begun func()
}

// spawner starts commands on one host. The context bounds the start only.
type spawner func(ctx context.Context, s spec) (process, error)

// runner makes hosts.Conn's commands out of a spawner: sudo, input, limits and deadlines.
type runner struct {
	host    string
	spawn   spawner
	sudo    *sudoer
	timeout time.Duration
}

// run is hosts.Conn's Run.
func (r *runner) run(ctx context.Context, c hosts.Cmd) (hosts.Result, error) {
	start := time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	j, err := r.begin(ctx, cancel, c, false)
	if err != nil {
		return hosts.Result{}, r.explain(ctx, c, err)
	}
	defer j.end()
	limit := c.Limit
	if limit <= 0 {
		limit = hosts.DefaultLimit
	}
	var res hosts.Result
	res.Stdout, res.Truncated = j.readAll(limit)
	res, err = j.finish(ctx, res)
	res.Took = time.Since(start)
	if err != nil {
		return res, r.explain(ctx, c, err)
	}
	return res, nil
}

// stream is hosts.Conn's Stream.
func (r *runner) stream(ctx context.Context, c hosts.Cmd) (hosts.Stream, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	j, err := r.begin(ctx, cancel, c, true)
	if err != nil {
		err = r.explain(ctx, c, err)
		cancel(nil)
		return nil, err
	}
	return &stream{runner: r, ctx: ctx, cancel: cancel, cmd: c, job: j, start: time.Now()}, nil
}

// job is a running command with its input and errors taken care of.
type job struct {
	proc   process
	plan   sudoPlan
	out    io.Reader
	errs   *tail
	wg     sync.WaitGroup // the reader of standard error
	cancel context.CancelCauseFunc
	stop   func() bool // ends the watch on the context
	timer  *time.Timer
}

// begin starts c and sees it through sudo. cancel is called with hosts.ErrTimeout when the time of c
// is over.
func (r *runner) begin(ctx context.Context, cancel context.CancelCauseFunc, c hosts.Cmd, long bool) (*job, error) {
	argv, err := fullArgv(c)
	if err != nil {
		return nil, err
	}
	plan := planDirect(argv, c)
	if c.Sudo {
		if plan, err = r.sudo.plan(ctx, argv, c); err != nil {
			return nil, err
		}
	}
	j := &job{plan: plan, errs: newTail(stderrKeep), cancel: cancel}
	timeout := c.Timeout
	if timeout <= 0 {
		timeout = r.timeout
	}
	arm := sync.OnceFunc(func() { j.timer = time.AfterFunc(timeout, func() { cancel(hosts.ErrTimeout) }) })
	j.proc, err = r.spawn(ctx, spec{argv: plan.argv, input: plan.input, term: c.Term, stream: long || c.Term != nil, begun: arm})
	if err != nil {
		j.disarm()
		return nil, err
	}
	j.stop = context.AfterFunc(ctx, j.proc.Kill)
	if err := j.pass(ctx, r.sudo); err != nil {
		j.end()
		return nil, err
	}
	if long {
		j.disarm()
	}
	r.feed(ctx, j, c)
	return j, nil
}

// pass goes through sudo's password prompt where the plan has one, and starts reading what is not
// standard output.
func (j *job) pass(ctx context.Context, s *sudoer) error {
	out, errs := j.proc.Stdout(), j.proc.Stderr()
	if j.plan.prompt != "" {
		rest, err := s.unlock(ctx, j.proc, j.plan)
		if err != nil {
			return err
		}
		if j.plan.onStdout {
			out = io.MultiReader(bytes.NewReader(rest), out)
		} else {
			errs = io.MultiReader(bytes.NewReader(rest), errs)
		}
	}
	j.out = out
	j.wg.Go(func() { _, _ = io.Copy(j.errs, errs) })
	return nil
}

// feed gives the command its input and its later terminal sizes. The goroutines are not waited for:
// they end with the command, or when the caller's reader gives up.
func (r *runner) feed(ctx context.Context, j *job, c hosts.Cmd) {
	if c.Term != nil && c.Term.Resize != nil {
		go func() {
			for {
				select {
				case s, ok := <-c.Term.Resize:
					if !ok || j.proc.Resize(s) != nil {
						return
					}
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	if c.Stdin == nil {
		if j.plan.closes {
			_ = j.proc.Stdin().Close()
		}
		return
	}
	go func() {
		src := &sourceReader{r: c.Stdin}
		_, _ = io.Copy(j.proc.Stdin(), src)
		if src.err != nil {
			// Closing the input would tell the command that all of it had come.
			j.cancel(fmt.Errorf("read standard input: %w", src.err))
			return
		}
		_ = j.proc.Stdin().Close()
	}()
}

// sourceReader remembers a failure of the reader, apart from those of the writer.
type sourceReader struct {
	r   io.Reader
	err error
}

func (s *sourceReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// readAll keeps the first limit bytes of standard output and throws the next ones away; a command
// that does not stop at all is killed.
func (j *job) readAll(limit int64) (kept []byte, truncated bool) {
	var b bytes.Buffer
	_, err := io.Copy(&b, io.LimitReader(j.out, limit))
	if err != nil {
		return b.Bytes(), false
	}
	over, _ := io.Copy(io.Discard, io.LimitReader(j.out, drainLimit))
	if over == drainLimit {
		j.proc.Kill()
	}
	return b.Bytes(), over > 0
}

// finish waits for the end and tells sudo's refusals from the command's own failures.
func (j *job) finish(ctx context.Context, res hosts.Result) (hosts.Result, error) {
	j.wg.Wait()
	st, err := j.proc.Wait()
	res.Stderr, res.Exit, res.Signal = j.errs.Bytes(), st.code, st.signal
	if cause := context.Cause(ctx); cause != nil {
		return res, cause
	}
	if res.Truncated && errors.Is(err, errKilled) {
		res.Exit, res.Signal = signalExit("KILL"), "KILL"
		return res, nil
	}
	if err != nil {
		return res, err
	}
	return j.plan.judge(res)
}

// disarm lifts the deadline.
func (j *job) disarm() {
	if j.timer != nil {
		j.timer.Stop()
	}
}

// end kills what still runs and frees everything.
func (j *job) end() {
	j.disarm()
	if j.stop != nil {
		j.stop()
	}
	j.proc.Kill()
}

// errKilled is what Wait says of a process that was killed by us.
var errKilled = errors.New("killed")

// explain makes one line of an error: where, what, why. The sentinels stay visible to errors.Is.
func (r *runner) explain(ctx context.Context, c hosts.Cmd, err error) error {
	name := "command"
	if len(c.Argv) > 0 {
		name = shortCommand(c.Argv)
	}
	var unreached *connectError
	switch {
	case errors.As(err, &unreached): // it never came to the command
		return fmt.Errorf("%s: %w", r.host, err)
	case errors.Is(err, hosts.ErrTimeout) || errors.Is(err, context.DeadlineExceeded):
		if errors.Is(context.Cause(ctx), hosts.ErrTimeout) && c.Timeout > 0 {
			return fmt.Errorf("%s: %s: %w of %s", r.host, name, hosts.ErrTimeout, c.Timeout)
		}
		return &timeoutError{text: fmt.Sprintf("%s: %s: %v", r.host, name, hosts.ErrTimeout), cause: err}
	case errors.Is(err, errKilled):
		return fmt.Errorf("%s: %s: %w", r.host, name, hosts.ErrClosed)
	default:
		return fmt.Errorf("%s: %s: %w", r.host, name, err)
	}
}

// timeoutError is ErrTimeout and at the same time what the caller's context says.
type timeoutError struct {
	text  string
	cause error
}

func (e *timeoutError) Error() string   { return e.text }
func (e *timeoutError) Unwrap() []error { return []error{hosts.ErrTimeout, e.cause} }

// shortCommand is a command for people: enough to know which one it was.
func shortCommand(argv []string) string {
	const most = 60
	s := cleanLine(strings.Join(argv, " "))
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// stream implements hosts.Stream.
type stream struct {
	runner *runner
	ctx    context.Context
	cancel context.CancelCauseFunc
	cmd    hosts.Cmd
	job    *job
	start  time.Time

	once sync.Once
	res  hosts.Result
	err  error
}

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.job.out.Read(p)
	if err != nil && s.ctx.Err() != nil {
		err = s.runner.explain(s.ctx, s.cmd, context.Cause(s.ctx))
	}
	return n, err
}

func (s *stream) Wait() (hosts.Result, error) {
	s.once.Do(func() {
		res, err := s.job.finish(s.ctx, hosts.Result{})
		res.Took = time.Since(s.start)
		if err != nil {
			err = s.runner.explain(s.ctx, s.cmd, err)
		}
		s.res, s.err = res, err
		s.job.end()
		s.cancel(nil)
	})
	return s.res, s.err
}

func (s *stream) Close() error {
	s.cancel(hosts.ErrClosed)
	s.job.end()
	return nil
}

var _ hosts.Stream = (*stream)(nil)
