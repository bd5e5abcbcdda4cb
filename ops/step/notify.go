package step

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/ops/deploy"
)

// notify tells somebody, as well as it can: it never fails a run, and it cannot be taken back.
type notify struct{ lookOnly }

// notifyTime bounds one telling.
const notifyTime = 30 * time.Second

func (notify) Plan(_ context.Context, e *Env) (Change, error) {
	s, err := settings[deploy.Notify](e)
	if err != nil {
		return Change{}, err
	}
	c := Change{Back: BackNone, Lines: []string{"tells " + notifyWhom(s)}}
	if s.Body != "" {
		c.Detail = []Detail{{Title: "message", Text: hosts.Clean(string(s.Body))}}
	}
	return c, nil
}

// notifyWhom is who is told: the URL is a secret as a whole, its path is one often enough.
func notifyWhom(s *deploy.Notify) string {
	switch {
	case s.URL != "" && hasSecret(s.URL):
		return "a URL that is kept secret"
	case s.URL != "":
		return origin(string(s.URL))
	}
	return brief(strings.Join(texts(s.Argv), " "))
}

func (notify) Record(context.Context, *Env) (Undo, error) {
	return Undo{Kind: "notify", Way: BackNone}, nil
}

// Act tells. Whatever goes wrong is noted and is no error.
func (notify) Act(ctx context.Context, e *Env, _ Undo) error {
	s, err := settings[deploy.Notify](e)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, notifyTime)
	defer cancel()
	line := "told " + notifyWhom(s)
	if err := tell(ctx, e, s); err != nil {
		line = "could not tell " + notifyWhom(s) + ": " + hosts.CleanLine(err.Error())
	}
	say(e, line, strings.HasPrefix(line, "could not"))
	_ = writeBlob(ctx, e, "told", line) // for the verdict's words only
	return nil
}

func tell(ctx context.Context, e *Env, s *deploy.Notify) error {
	if s.URL == "" {
		res, err := login(e).inDir(ctx, "", strings.NewReader(string(s.Body)), texts(s.Argv)...)
		if err == nil && res.Exit != 0 {
			err = &failure{hostName(e), brief(string(s.Argv[0])), res}
		}
		return err
	}
	url, err := e.Reveal(ctx, s.URL)
	if err != nil {
		return err
	}
	r := Request{Method: http.MethodPost, URL: url.Reveal(), Body: []byte(s.Body), Header: map[string]string{}}
	if strings.HasPrefix(strings.TrimSpace(string(s.Body)), "{") {
		r.Header["Content-Type"] = "application/json"
	}
	resp, err := e.HTTP.Do(ctx, r)
	if err != nil {
		if hasSecret(s.URL) { // the words of the error may hold it
			return fmt.Errorf("%s cannot be reached", origin(url.Reveal()))
		}
		return err
	}
	if resp.Status/100 != 2 {
		return fmt.Errorf("answered %d%s", resp.Status, serverSays(resp.Body))
	}
	return nil
}

func (notify) Verify(ctx context.Context, e *Env, _ Undo) (Seen, error) {
	line := "best effort"
	readBlob(ctx, e, "told", &line)
	return Seen{OK: true, Changed: true, Line: line}, nil
}

// Probe: telling twice is better than not at all.
func (notify) Probe(context.Context, *Env, Undo) (Progress, error) { return NotStarted, nil }
