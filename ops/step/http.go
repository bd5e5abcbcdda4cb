package step

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"midwatch/hosts"
	"midwatch/ops/deploy"
)

// httpKind ("http") sends one request. What it changes is another system's business: it can be taken back when
// the definition says by which request, or has what was there read before. Without either it cannot be undone.
type httpKind struct{}

// httpRecord is what is kept of a request: nothing of its headers and body, which may be secret.
type httpRecord struct {
	Method, URL string
	Before      bool `json:"before,omitempty"` // the blob blobBody holds what was there
	Status      int  `json:"status,omitempty"` // of the request before
	Undo        bool `json:"undo,omitempty"`   // the definition has a request that takes it back
}

// Names of a request's blobs in the store.
const (
	blobBody   = "before" // answer of the request before
	blobAnswer = "answer" // what the request was answered, as answerRecord
	blobStands = "left"   // what stands there after it, as the request before reads it
)

// answerRecord is what was answered, judged when it came: the body itself is not kept.
type answerRecord struct {
	Status int
	Fault  string
	Poll   string // URL, where the answer says it
}

// changes reports a method that has an effect (RFC 9110 §9.2.1).
func changes(method string) bool {
	return !slices.Contains([]string{"GET", "HEAD", "OPTIONS"}, orMethod(method))
}

// Class: a request that has been sent and has no answer noted is a person's question, unless it changes
// nothing, or the other side knows it by its key.
func (httpKind) Class(s any) Class {
	h, ok := s.(*deploy.HTTP)
	switch {
	case !ok:
		return AskHuman
	case !changes(h.Method):
		return Repeat
	case h.Key, h.Before != nil:
		return AskOther
	}
	return AskHuman
}

func (httpKind) Plan(ctx context.Context, e *Env) (Change, error) {
	s, err := settings[deploy.HTTP](e)
	if err != nil {
		return Change{}, err
	}
	line := orMethod(s.Method) + " " + shortURL(string(s.URL))
	if !changes(s.Method) {
		return Change{Nothing: true, Back: BackNone, Lines: []string{line + ", changes nothing"}}, nil
	}
	c := Change{Lines: []string{"? effect unknown: " + line}, Unknown: true, Saw: line}
	c.Back, c.BackLines = httpWay(s)
	if s.Before == nil {
		return c, nil
	}
	before, err := askBefore(ctx, e, s)
	if err != nil {
		return c, err
	}
	c.Saw += " " + digest(canonical(before.Body))
	want, err := httpBody(ctx, e, s, true)
	if err != nil {
		return c, err
	}
	have, herr := decodeJSON(before.Body)
	wish, werr := decodeJSON(want)
	if herr != nil || werr != nil || before.Status/100 != 2 {
		return c, nil
	}
	if jsonHolds(have, wish, "") == "" && orMethod(s.Method) != http.MethodDelete {
		return Change{Nothing: true, Back: BackNone, Saw: c.Saw, Lines: []string{line + ": it says so already"}}, nil
	}
	// What is there is merged with what is sent, as a PATCH would; for other methods it is a guess.
	d, add, del := maskedDiff(shortURL(string(s.URL)), indented(have), indented(merge(have, wish)))
	if orMethod(s.Method) == http.MethodPatch {
		c.Unknown = false
		c.Lines = []string{fmt.Sprintf("~ %s: +%d -%d lines", line, add, del)}
	}
	c.Detail = []Detail{d}
	return c, nil
}

// httpWay is how a request is taken back.
func httpWay(s *deploy.HTTP) (Way, []string) {
	switch {
	case s.Undo != nil:
		return BackCompensating, []string{orMethod(s.Undo.Method) + " " + shortURL(orWord(string(s.Undo.URL), string(s.URL)))}
	case s.Before != nil:
		return BackCompensating, []string{orMethod(s.Method) + " " + shortURL(string(s.URL)) + " with what was there before"}
	}
	return BackManual, []string{"a person must take it back: no undo_request and no before"}
}

// canonical is JSON in a stable form; what is not JSON stays as it is.
func canonical(body []byte) []byte {
	v, err := decodeJSON(body)
	if err != nil {
		return body
	}
	b, err := json.Marshal(v)
	if err != nil {
		return body
	}
	return b
}

func indented(v any) string {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b) + "\n"
}

// merge lays one JSON value over another (RFC 7396, without its deletions).
func merge(have, want any) any {
	h, ok := have.(map[string]any)
	w, ok2 := want.(map[string]any)
	if !ok || !ok2 {
		return want
	}
	out := map[string]any{}
	for k, v := range h {
		out[k] = v
	}
	for k, v := range w {
		out[k] = merge(h[k], v)
	}
	return out
}

func (httpKind) Record(ctx context.Context, e *Env) (Undo, error) {
	s, err := settings[deploy.HTTP](e)
	if err != nil {
		return Undo{}, err
	}
	r := httpRecord{Method: orMethod(s.Method), URL: shortURL(string(s.URL)), Undo: s.Undo != nil, Before: s.Before != nil}
	u := Undo{Kind: "http"}
	u.Way, u.Lines = httpWay(s)
	if !changes(s.Method) {
		u.Way, u.Lines = BackNone, nil
	}
	if s.Before != nil {
		before, err := askBefore(ctx, e, s)
		if err != nil {
			return u, err
		}
		r.Status = before.Status
		if r.Status == http.StatusNotFound && s.Undo == nil {
			u.Way, u.Lines = BackManual, []string{"nothing was there before, and no undo_request is declared: a person must remove it"}
		}
		if err := e.Store.Put(ctx, blobBody, bytes.NewReader(before.Body)); err != nil {
			return u, err
		}
		u.Blobs = []string{blobBody}
	}
	u.Data = data(r)
	return u, nil
}

// Act sends the request once. What was answered is judged at once and noted: it cannot be asked for again.
func (httpKind) Act(ctx context.Context, e *Env, _ Undo) error {
	s, err := settings[deploy.HTTP](e)
	if err != nil {
		return err
	}
	body, err := httpBody(ctx, e, s, false)
	if err != nil {
		return err
	}
	r, err := request(ctx, e, s, s.Method, string(s.URL), body)
	if err != nil {
		return err
	}
	resp, err := e.HTTP.Do(ctx, r)
	switch {
	case err != nil && resp.Sent && changes(s.Method) && ctx.Err() == nil && !linkLost(err):
		return fmt.Errorf("%w: the answer is lost: %w", hosts.ErrClosed, err) // whether it had an effect is asked
	case err != nil:
		return err
	}
	a := answerRecord{Status: resp.Status, Fault: httpFault(e, s, resp)}
	if s.Poll != nil && s.Poll.URL == "" {
		a.Poll = http.Header(resp.Header).Get("Location")
	}
	say(e, fmt.Sprintf("%s %s: %d", r.Method, shortURL(r.URL), resp.Status), a.Fault != "")
	return writeBlob(ctx, e, blobAnswer+attempt(e), a)
}

// attempt tells the blobs of later attempts apart.
func attempt(e *Env) string {
	if e.Try > 1 {
		return fmt.Sprintf("-try%d", e.Try)
	}
	return ""
}

// httpFault says what is wrong with an answer, and names its outputs when nothing is.
func httpFault(e *Env, s *deploy.HTTP, resp Response) string {
	if !statusWanted(resp.Status, s.Status) {
		return fmt.Sprintf("%d%s", resp.Status, serverSays(resp.Body))
	}
	if e.Output != nil {
		e.Output("status", fmt.Sprint(resp.Status))
	}
	if len(s.Expect) == 0 && len(s.Outputs) == 0 {
		return ""
	}
	doc, err := decodeJSON(resp.Body)
	if err != nil {
		return fmt.Sprintf("%d, but %v", resp.Status, err)
	}
	for _, p := range sortedKeys(s.Expect) {
		if v, ok := jsonAt(doc, p); !ok {
			return p + " is not in the answer"
		} else if !jsonIs(v, string(s.Expect[p])) {
			return fmt.Sprintf("%s is %s, not %s", p, brief(jsonText(v)), brief(string(s.Expect[p])))
		}
	}
	for _, name := range sortedKeys(s.Outputs) {
		v, ok := jsonAt(doc, s.Outputs[name])
		if !ok {
			return fmt.Sprintf("output %s: %s is not in the answer", hosts.CleanLine(name), s.Outputs[name])
		}
		e.Output(name, jsonText(v))
	}
	return ""
}

func statusWanted(got int, want []int) bool {
	if len(want) == 0 {
		return got/100 == 2
	}
	return slices.Contains(want, got)
}

// serverSays is the message of an error answer, where APIs put it.
func serverSays(body []byte) string {
	doc, err := decodeJSON(body)
	if err != nil {
		return ""
	}
	for _, p := range []string{"message", "error.message", "error", "detail", "title"} {
		if v, ok := jsonAt(doc, p); ok {
			if s, ok := v.(string); ok && s != "" {
				return ": " + brief(s)
			}
		}
	}
	return ""
}

// Verify reads the verdict on the answer, polls where it is told to, and reads again what it read before.
func (httpKind) Verify(ctx context.Context, e *Env, u Undo) (Seen, error) {
	s, err := settings[deploy.HTTP](e)
	if err != nil {
		return Seen{}, err
	}
	line := orMethod(s.Method) + " " + shortURL(string(s.URL))
	var a answerRecord
	readBlob(ctx, e, blobAnswer+attempt(e), &a)
	seen := Seen{Changed: changes(s.Method), Line: fmt.Sprintf("%s: %d", line, a.Status)}
	switch {
	case a.Status == 0:
		seen.Line = line + ": no answer was noted: whether it arrived is not known"
		return seen, nil
	case a.Fault != "":
		seen.Line = line + ": " + a.Fault
		return seen, nil
	}
	seen.OK = true
	if s.Poll != nil {
		if seen.OK, seen.Line, err = poll(ctx, e, s, a.Poll); err != nil || !seen.OK {
			return seen, err
		}
	}
	if s.Before == nil || !changes(s.Method) {
		return seen, nil
	}
	return seen, lookAfter(ctx, e, s, &seen)
}

// lookAfter reads what stands there now, wants it to say what was sent, and keeps it, to tell drift from.
func lookAfter(ctx context.Context, e *Env, s *deploy.HTTP, seen *Seen) error {
	now, err := askBefore(ctx, e, s)
	if err != nil {
		return err
	}
	want, err := httpBody(ctx, e, s, false)
	if err != nil {
		return err
	}
	have, herr := decodeJSON(now.Body)
	wish, werr := decodeJSON(want)
	if herr == nil && werr == nil && orMethod(s.Method) != http.MethodDelete {
		if d := jsonHolds(have, wish, ""); d != "" && jsonRelated(have, wish) {
			seen.OK, seen.Line = false, fmt.Sprintf("%s, but afterwards %s is not as it was sent", seen.Line, d)
			return nil
		}
	}
	return e.Store.Put(ctx, blobStands, bytes.NewReader(now.Body))
}

// jsonRelated reports two objects that have a key in common: only then what was sent can be looked for in
// what is there.
func jsonRelated(have, want any) bool {
	h, ok := have.(map[string]any)
	w, ok2 := want.(map[string]any)
	if !ok || !ok2 {
		return false
	}
	for k := range w {
		if _, ok := h[k]; ok {
			return true
		}
	}
	return false
}
