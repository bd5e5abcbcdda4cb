package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"midwatch/hosts"
	"midwatch/hosts/transport"
	"midwatch/tui"
)

// errDeclined is that the operator did not want to answer.
var errDeclined = errors.New("not answered")

// askInside asks in a dialog of the console.
func (a *app) askInside(q *tui.Questions) transport.Ask {
	return func(ctx context.Context, question transport.Question) (hosts.Secret, error) {
		ans, err := q.Ask(ctx, dialog(question))
		switch {
		case err != nil:
			return hosts.Secret{}, err
		case !ans.OK:
			return hosts.Secret{}, errDeclined
		case question.Kind == transport.AskHostKey:
			return hosts.NewSecret("yes"), nil
		}
		return ans.Text, nil
	}
}

// dialog is a transport's question as the console shows it.
func dialog(q transport.Question) tui.Question {
	d := tui.Question{Host: q.Host, Kind: tui.QuestionSecret, Title: hosts.CleanLine(q.Text)}
	if q.Echo {
		d.Kind = tui.QuestionText
	}
	if q.Kind == transport.AskHostKey {
		d.Kind = tui.QuestionYesNo
		if q.HostKey != nil {
			d.Title = fmt.Sprintf("the host key of %s is not known", hosts.CleanLine(q.HostKey.Host))
			d.Body = []string{
				q.HostKey.Algorithm + " " + q.HostKey.Fingerprint,
				"Compare it with what the host's console or its owner says. Yes records it in known_hosts.",
			}
		}
	}
	return d
}

// askAtTerminal asks on the controlling terminal, one question at a time. It is nil where nobody
// answers: standard input is no terminal.
func (a *app) askAtTerminal() transport.Ask {
	if !a.isTerminal(a.stdin) {
		return nil
	}
	return func(ctx context.Context, q transport.Question) (hosts.Secret, error) {
		text := hosts.CleanLine(q.Text)
		if q.Kind == transport.AskHostKey && q.HostKey != nil {
			text = fmt.Sprintf("the host key of %s is not known: %s %s\naccept and record it? (yes/no)",
				hosts.CleanLine(q.HostKey.Host), q.HostKey.Algorithm, q.HostKey.Fingerprint)
		}
		if q.Host != "" && !strings.Contains(text, q.Host) {
			text = q.Host + ": " + text
		}
		echo := q.Echo || q.Kind == transport.AskHostKey
		line, err := a.prompter.Ask(ctx, "midwatch: "+strings.TrimRight(text, ": ")+": ", echo)
		switch {
		case err != nil:
			return hosts.Secret{}, err
		case q.Kind == transport.AskHostKey && !strings.EqualFold(strings.TrimSpace(line), "yes"):
			return hosts.Secret{}, errDeclined
		case q.Kind == transport.AskHostKey:
			return hosts.NewSecret("yes"), nil
		}
		return hosts.NewSecret(line), nil
	}
}
