package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/containerd/errdefs"

	"midwatch/hosts"
)

// Sentinels of answers that decisions are made on; compare with errors.Is.
var (
	// ErrNotFound is an answer 404: there is no such container, image or exec.
	ErrNotFound = errors.New("not found by docker")
	// ErrConflict is an answer 409: the object is in a state that forbids what was asked.
	ErrConflict = errors.New("refused by docker in this state")
	// ErrUnsupported is an answer of an engine that cannot do what was asked: a log driver that
	// cannot be read, an engine that is no Swarm manager.
	ErrUnsupported = errors.New("not supported by this engine")
)

// Error is a failed call: one line that says what, where and what to do.
type Error struct {
	Op     string // "inspect web", "GET /containers/json"
	Host   string
	Status int    // HTTP status, 0 when there was no answer
	Text   string // the engine's words, or the transport's
	Needs  string // what would make it work; "" when there is nothing to say
	kind   error  // a sentinel, or nil
	cause  error
}

func (e *Error) Error() string {
	s := fmt.Sprintf("docker on %s: %s: %s", e.Host, e.Op, e.Text)
	if e.Needs != "" {
		s += ": " + e.Needs
	}
	return s
}

// Is matches the sentinels of this package and of hosts.
func (e *Error) Is(target error) bool { return e.kind != nil && errors.Is(e.kind, target) }

func (e *Error) Unwrap() error { return e.cause }

// dialError marks an error of the dialer; its fixed text keeps the library from recognising, and
// then replacing, the words of the cause.
type dialError struct{ err error }

func (e *dialError) Error() string { return "engine not reached" }
func (e *dialError) Unwrap() error { return e.err }

// statusError is an answer of 400 or more.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string { return e.text }

// answerError reads the engine's message from an answer of 400 or more.
func answerError(resp *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	var m struct {
		Message string `json:"message"`
	}
	text := strings.TrimSpace(string(body))
	if json.Unmarshal(body, &m) == nil && m.Message != "" {
		text = strings.TrimSpace(m.Message)
	}
	if text == "" {
		text = fmt.Sprintf("answer %d without a message", resp.StatusCode)
	}
	return &statusError{resp.StatusCode, text}
}

// explain turns whatever came back into an *Error. Cancellation by the caller stays what it is.
func (c *Client) explain(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	var done *Error
	if errors.As(err, &done) {
		return err
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err() // whatever else broke, it broke because of that
	}
	e := &Error{Op: op, Host: c.p.Host, cause: err, Text: oneLine(err.Error())}
	var de *dialError
	var se *statusError
	switch {
	case errors.As(err, &se):
		e.Status = se.code
	case errors.As(err, &de):
		c.explainDial(e, de.err)
		return e
	case isTimeout(err), libraryStatus(err) == 0 && ctx.Err() != nil:
		e.kind, e.Text = hosts.ErrTimeout, hosts.ErrTimeout.Error()
		return e
	default:
		e.Status = libraryStatus(err)
		e.Text = strings.TrimPrefix(e.Text, "Error response from daemon: ")
	}
	c.explainStatus(e)
	return e
}

func (c *Client) explainDial(e *Error, err error) {
	e.Op = "open " + c.p.Endpoint
	e.Text = oneLine(err.Error())
	var refused bool
	switch {
	case errors.Is(err, hosts.ErrNotAllowed), errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EACCES):
		e.kind, e.Text = hosts.ErrNotAllowed, "permission denied"
		e.Needs = "add the user to group docker or set docker.sudo"
	case errors.Is(err, hosts.ErrMissing), errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOENT):
		e.kind, e.Text = hosts.ErrMissing, "no such socket"
		e.Needs = "install docker there, or set docker.socket"
	case errors.Is(err, syscall.ECONNREFUSED):
		refused = true
	case isTimeout(err):
		e.kind, e.Text = hosts.ErrTimeout, hosts.ErrTimeout.Error()
	}
	if refused {
		e.kind, e.Text = hosts.ErrUnreached, "connection refused"
		e.Needs = "start the engine (systemctl start docker)"
	}
}

func (c *Client) explainStatus(e *Error) {
	switch e.Status {
	case http.StatusNotFound:
		e.kind = ErrNotFound
	case http.StatusConflict, http.StatusNotModified:
		e.kind = ErrConflict
	case http.StatusNotImplemented:
		e.kind = ErrUnsupported
	case http.StatusForbidden, http.StatusUnauthorized:
		e.kind = hosts.ErrNotAllowed
	case http.StatusServiceUnavailable:
		if strings.Contains(e.Text, "swarm") {
			e.kind = ErrUnsupported
		}
	}
	if strings.Contains(e.Text, "does not support reading") {
		e.kind = ErrUnsupported
		e.Needs = "read the log where its driver sends it"
	}
}

// libraryStatus maps the error classes of the library back to a status.
func libraryStatus(err error) int {
	switch {
	case errdefs.IsNotFound(err):
		return http.StatusNotFound
	case errdefs.IsConflict(err):
		return http.StatusConflict
	case errdefs.IsNotModified(err):
		return http.StatusNotModified
	case errdefs.IsInvalidArgument(err):
		return http.StatusBadRequest
	case errdefs.IsUnauthorized(err):
		return http.StatusUnauthorized
	case errdefs.IsPermissionDenied(err):
		return http.StatusForbidden
	case errdefs.IsNotImplemented(err):
		return http.StatusNotImplemented
	case errdefs.IsUnavailable(err):
		return http.StatusServiceUnavailable
	case errdefs.IsInternal(err):
		return http.StatusInternalServerError
	default:
		return 0
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, hosts.ErrTimeout) ||
		(errors.As(err, &n) && n.Timeout())
}

// oneLine keeps a message of the engine on one line and short.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 400 {
		s = strings.ToValidUTF8(s[:400], "") + "…"
	}
	return s
}
