package docker

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"

	"midwatch/hosts"
)

// EventCursor remembers where a stream of events was cut, so that the next one goes on without a
// gap or a repetition. The zero value starts now. It belongs to one goroutine.
type EventCursor struct {
	at   int64 // nanoseconds of the newest event, by the engine's clock
	seen map[string]struct{}
}

// Since returns a cursor that starts at a moment of the engine's clock.
func Since(t time.Time) *EventCursor { return &EventCursor{at: t.UnixNano()} }

// pass records an event and reports whether it is new.
func (c *EventCursor) pass(at int64, key string) bool {
	if at < c.at {
		return false
	}
	if at > c.at || c.seen == nil {
		c.at, c.seen = at, map[string]struct{}{}
	}
	if _, ok := c.seen[key]; ok {
		return false
	}
	c.seen[key] = struct{}{}
	return true
}

// sayWait is how long a refusal is waited for once the answer's headers are there, or could not be had.
const sayWait = 10 * time.Millisecond

// Events delivers the events of containers and of their networks until the context ends or the
// stream is cut, and returns why; call it again with the same cursor to go on. opened, when not
// nil, is called once the engine has accepted: a list read after that misses nothing.
func (c *Client) Events(ctx context.Context, cur *EventCursor, opened func(), emit func(hosts.Event)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cl, _, err := c.engine(ctx)
	if err != nil {
		return err
	}
	o := events.ListOptions{Filters: filters.NewArgs()}
	for _, t := range []events.Type{events.ContainerEventType, events.NetworkEventType} {
		o.Filters.Add("type", string(t))
	}
	for a := range wanted {
		o.Filters.Add("event", a)
	}
	if cur.at > 0 {
		o.Since = strconv.FormatInt(cur.at/1e9, 10) + "." + nanos(cur.at%1e9)
	}
	late := time.AfterFunc(c.p.Timeout, func() { cancel(hosts.ErrTimeout) })
	messages, errs := cl.Events(ctx, o) // returns when the headers are there
	late.Stop()
	// The client of the engine returns a moment before it says that the request failed.
	said := time.NewTimer(sayWait)
	defer said.Stop()
	select {
	case err := <-errs: // refused at once
		return c.eventsEnd(ctx, err)
	case m := <-messages: // accepted, and it begins at once
		if opened != nil {
			opened()
		}
		c.event(cur, &m, emit)
		opened = nil
	case <-said.C:
	}
	if opened != nil {
		opened()
	}
	for {
		select {
		case m := <-messages:
			c.event(cur, &m, emit)
		case err := <-errs:
			// Both may be ready at the end of a stream, and select takes either.
			select {
			case m := <-messages:
				c.event(cur, &m, emit)
			default:
			}
			return c.eventsEnd(ctx, err)
		}
	}
}

func (c *Client) eventsEnd(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, hosts.ErrTimeout) {
		return &Error{Op: "events", Host: c.p.Host, Text: cause.Error(), kind: hosts.ErrTimeout, cause: err}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &Error{Op: "events", Host: c.p.Host, Text: "stream ended", kind: hosts.ErrClosed, cause: err}
	}
	return c.explain(ctx, "events", err)
}

func (c *Client) event(cur *EventCursor, m *events.Message, emit func(hosts.Event)) {
	id := m.Actor.ID
	if m.Type == events.NetworkEventType {
		id = m.Actor.Attributes["container"]
	}
	action, _, _ := strings.Cut(string(m.Action), ":")
	if !wanted[action] {
		return
	}
	c.Touch(id)
	at := m.TimeNano
	if at == 0 {
		at = m.Time * int64(time.Second)
	}
	if !cur.pass(at, string(m.Type)+"\x00"+string(m.Action)+"\x00"+m.Actor.ID+"\x00"+id) {
		return
	}
	e := eventOf(m, at)
	e.Host = c.p.Host
	emit(e)
}

// wanted are the actions that say something about a container's life; the exec_ ones are left out
// because every healthcheck makes three of them. Never written to.
var wanted = map[string]bool{
	"create": true, "start": true, "restart": true, "stop": true, "die": true, "kill": true,
	"oom": true, "pause": true, "unpause": true, "destroy": true, "rename": true, "update": true,
	"health_status": true, "connect": true, "disconnect": true,
}

// eventOf makes an event of a message.
func eventOf(m *events.Message, at int64) hosts.Event {
	attr := m.Actor.Attributes
	e := hosts.Event{
		At: time.Unix(0, at).UTC(), Kind: string(m.Type), Object: attr["name"],
		ID: m.Actor.ID, Action: oneLine(string(m.Action)),
	}
	switch m.Action {
	case events.ActionDie:
		if code := attr["exitCode"]; code != "" {
			e.Detail = "exit " + code
		}
	case events.ActionKill:
		if sig := attr["signal"]; sig != "" {
			e.Detail = "signal " + sig
		}
	case events.ActionRename:
		e.Detail = "was " + strings.TrimPrefix(attr["oldName"], "/")
	case events.ActionCreate, events.ActionStart:
		e.Detail = attr["image"]
	case events.ActionConnect, events.ActionDisconnect:
		e.ID, e.Detail = attr["container"], shortID(attr["container"])
	}
	return e
}

func shortID(id string) string {
	if len(id) > 12 {
		return id[:12]
	}
	return id
}

// nanos pads to the nine digits the API wants after the point.
func nanos(n int64) string {
	s := strconv.FormatInt(n, 10)
	return strings.Repeat("0", 9-len(s)) + s
}
