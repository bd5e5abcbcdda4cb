package trace

import (
	"strings"
	"testing"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	a := func(status int) *Answer { return &Answer{Status: status} }
	for _, k := range []struct {
		name    string
		answers []*Answer
		promise int
		want    string
	}{
		{"all the same", []*Answer{a(200), nil, a(200), a(200)}, 0, ""},
		{"the edge fails alone", []*Answer{a(503), nil, a(200), a(200)}, 0, "broken at a 0: it answered 503, though a 2 behind it answers 200"},
		{"the middle fails, the edge passes it on", []*Answer{a(502), nil, a(502), a(200)}, 0, "broken at a 2: it answered 502, though a 3 behind it answers 200"},
		{"the end fails", []*Answer{a(500), nil, a(500), a(500)}, 0, "broken at a 3: it was asked and answered 500"},
		{"the end is silent", []*Answer{a(502), nil, {Err: "refused"}, {Err: "refused"}}, 0, "broken at a 3: it was asked and gave no answer: refused"},
		{"404 of the application", []*Answer{a(404), nil, a(404), a(404)}, 0, ""},
		{"a promise kept", []*Answer{a(301), nil, a(301), a(301)}, 301, ""},
		{"a promise broken", []*Answer{a(200), nil, a(200), a(200)}, 301, "broken at a 3: its configuration promises 301, it answered 200"},
	} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			tr := &Trace{}
			for _, n := range []string{"0", "1", "2", "3"} {
				tr.Hops = append(tr.Hops, Hop{Kind: "a", Object: n, Status: OK, Ask: &Ask{}})
			}
			tr.Hops[3].Ask.Promise = k.promise
			tr.Judge(k.answers)
			if tr.Verdict != k.want {
				t.Errorf("%q, want %q", tr.Verdict, k.want)
			}
			if tr.Hops[0].Live == "" || tr.Hops[1].Live != "" {
				t.Error("answers are not shown where they belong")
			}
			if (k.want != "") != (tr.Status() == Broken) {
				t.Errorf("status %s", tr.Status())
			}
		})
	}
	if s := (Answer{Status: 302, Location: "/x"}).String(); !strings.Contains(s, "/x") {
		t.Error(s)
	}
}

// What the configuration knows to be broken stays the reason; the answers confirm it.
func TestAnswersConfirmTheReason(t *testing.T) {
	t.Parallel()
	for _, k := range []struct {
		name    string
		status  Status
		answers []*Answer
		want    string
	}{
		{"whole", OK, []*Answer{{Status: 200}, {Status: 200}}, "as configured; asked, it answers 200"},
		{"broken and silent", Broken, []*Answer{{Err: "refused"}, {Err: "refused"}}, "as configured; asked, a 1 gives no answer: refused"},
		{"broken, and yet it answers", Broken, []*Answer{{Status: 200}, {Status: 200}}, "as configured; asked, a 1 answers 200"},
		{"broken before that", Broken, []*Answer{{Status: 503}, {Status: 200}}, "broken at a 0: it answered 503, though a 1 behind it answers 200"},
		{"in doubt, and the path is not known there", Unknown, []*Answer{{Status: 404}, {Status: 404}}, "broken at a 1: it was asked and answered 404"},
		{"in doubt, and it answers", Unknown, []*Answer{{Status: 200}, {Status: 200}}, "as configured; asked, a 1 answers 200"},
		{"nothing was asked", OK, []*Answer{nil, nil}, "as configured"},
	} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			tr := &Trace{Verdict: "as configured", Hops: []Hop{{Kind: "a", Object: "0", Status: OK, Ask: &Ask{}}, {Kind: "a", Object: "1", Status: k.status, Ask: &Ask{}}}}
			tr.Judge(k.answers)
			if tr.Verdict != k.want {
				t.Errorf("%q, want %q", tr.Verdict, k.want)
			}
		})
	}
	ws := &Trace{Verdict: "as configured", Hops: []Hop{{Kind: "a", Object: "0", Status: OK, Ask: &Ask{Headers: map[string]string{"Upgrade": "websocket"}}}}}
	if ws.Judge([]*Answer{{Status: 200}}); ws.Verdict != "broken at a 0: it was asked for a WebSocket and answered 200" {
		t.Error(ws.Verdict)
	}
}

func TestAFileThatIsThere(t *testing.T) {
	t.Parallel()
	tr := &Trace{Hops: []Hop{{Kind: "static", Host: "h", Object: "/srv/index.html", Status: Unknown, Detail: "whether it exists was not asked", Ask: &Ask{}}}}
	if tr.Judge([]*Answer{{Status: 200}}); tr.Status() != OK || tr.Verdict != "reaches static /srv/index.html on h: a file of nginx, which is there; asked, it answers 200" {
		t.Error(tr.Verdict)
	}
	tr.Hops[0].Status = Unknown
	if tr.Judge([]*Answer{{Status: 404}}); tr.Status() != Broken {
		t.Error(tr.Verdict)
	}
}
