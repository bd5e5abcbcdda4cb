package step

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"midwatch/ops/deploy"
)

// Probe compares what stands there with what was there and with what was sent.
func (httpKind) Probe(ctx context.Context, e *Env, u Undo) (Progress, error) {
	s, err := settings[deploy.HTTP](e)
	if err != nil {
		return Unclear, err
	}
	var a answerRecord
	if readBlob(ctx, e, blobAnswer+attempt(e), &a); a.Status != 0 {
		return Ended, nil
	}
	if !changes(s.Method) || s.Key {
		return NotStarted, nil
	}
	if s.Before == nil {
		return Unclear, nil
	}
	same, err := asBefore(ctx, e, s, u)
	if err != nil || !same {
		return Unclear, err
	}
	return NotStarted, nil
}

// asBefore reports that what stands there is what was there before.
func asBefore(ctx context.Context, e *Env, s *deploy.HTTP, u Undo) (bool, error) {
	r, err := unpack[httpRecord](u)
	if err != nil {
		return false, err
	}
	was, err := e.Store.Get(ctx, blobBody)
	if err != nil {
		return false, err
	}
	now, err := askBefore(ctx, e, s)
	return err == nil && now.Status == r.Status && jsonSame(was, now.Body), err
}

func (httpKind) Undo(ctx context.Context, e *Env, u Undo) error {
	s, err := settings[deploy.HTTP](e)
	if err != nil {
		return err
	}
	r, err := unpack[httpRecord](u)
	if err != nil || u.Way == BackNone {
		return err
	}
	var before []byte
	if r.Before {
		if before, err = e.Store.Get(ctx, blobBody); err != nil {
			return err
		}
	}
	method, url, body := s.Method, string(s.URL), before
	switch {
	case s.Undo != nil:
		method, url = s.Undo.Method, orWord(string(s.Undo.URL), url)
		text, err := e.Reveal(ctx, deploy.Late(s.Undo.Body, map[string]string{"before": string(before)}))
		if err != nil {
			return fmt.Errorf("body of undo_request: %w", err)
		}
		body = []byte(text.Reveal())
	case u.Way == BackManual:
		return refused("%s %s: %s", r.Method, r.URL, strings.Join(u.Lines, "; "))
	}
	req, err := request(ctx, e, s, method, url, body)
	if err != nil {
		return err
	}
	delete(req.Header, "Idempotency-Key") // it is another request
	resp, err := e.HTTP.Do(ctx, req)
	if err != nil {
		return err
	}
	if resp.Status/100 != 2 && (resp.Status != http.StatusNotFound || req.Method != http.MethodDelete) {
		return fmt.Errorf("%s %s: %d%s", req.Method, shortURL(req.URL), resp.Status, serverSays(resp.Body))
	}
	return writeBlob(ctx, e, "undone", answerRecord{Status: resp.Status})
}

// Undone reads what it read before; where nothing was read, the answer to the request that took it back is
// all that is known.
func (httpKind) Undone(ctx context.Context, e *Env, u Undo) (Seen, error) {
	s, err := settings[deploy.HTTP](e)
	if err != nil {
		return Seen{}, err
	}
	line := shortURL(string(s.URL))
	if u.Way == BackNone {
		return Seen{OK: true, Line: "nothing to take back"}, nil
	}
	if s.Before != nil {
		same, err := asBefore(ctx, e, s, u)
		if err != nil || !same {
			return Seen{Line: line + " does not say what it said before"}, err
		}
		return Seen{OK: true, Changed: true, Line: line + " says what it said before"}, nil
	}
	var a answerRecord
	if readBlob(ctx, e, "undone", &a); a.Status == 0 {
		return Seen{Line: line + ": whether it was taken back is not known"}, nil
	}
	return Seen{OK: true, Changed: true, Line: fmt.Sprintf("%s: the request that takes it back was answered %d", line, a.Status)}, nil
}

func (httpKind) Drift(ctx context.Context, e *Env, u Undo) ([]string, error) {
	s, err := settings[deploy.HTTP](e)
	if err != nil || s.Before == nil || u.Way == BackNone {
		return nil, err
	}
	left, err := e.Store.Get(ctx, blobStands)
	if err != nil {
		return []string{shortURL(string(s.URL)) + ": what the request left was not noted, so what others have changed cannot be told"}, nil //nolint:nilerr // Verify writes it
	}
	now, err := askBefore(ctx, e, s)
	if err != nil {
		return nil, err
	}
	if !jsonSame(left, now.Body) {
		return []string{shortURL(string(s.URL)) + " says something else than after this run"}, nil
	}
	return nil, nil
}
