package logfilter

import (
	"testing"

	"midwatch/hosts"
)

func TestFieldConditions(t *testing.T) {
	t.Parallel()
	const (
		access = `10.1.2.3 - - [29/Nov/2026:04:31:27 +0000] "GET /orders/7 HTTP/1.1" 502 157 "-" "curl/8" rt=1.500 rid=7f3a9c2e`
		object = `{"level":"error","msg":"no total","request_id":"7f3a9c2e","db":{"took":"250ms","rows":0},"path":"C:\\x","none":""}`
		plain  = `retry user=ann: attempt=3 left`
	)
	for _, c := range []struct {
		filter string
		line   string
		want   bool
	}{
		{"status=502", access, true},
		{"status=50", access, false},
		{"status!=502", access, false},
		{"status!=500", access, true},
		{"!status=502", access, false},
		{"status>=500", access, true},
		{"status<500", access, false},
		{"rt>1", access, true},
		{"rt>1.5", access, false},
		{"rt<=1.5", access, true},
		{"path~orders", access, true},
		{"path~curl", access, false},
		{`path~/^.orders/`, access, true},
		{"rid=7f3a9c2e method=GET", access, true},
		{"rid=7f3a9c2e method=POST", access, false},
		{"request_id=7f3a9c2e", object, true},
		{"REQUEST_ID=7F3A9C2E", object, false}, // capitals in a value make case count
		{"took>=0.2s", object, true},
		{"db.took>=300ms", object, false},
		{"rows=0", object, true},
		{"level=error", object, true},
		{"level>=warn", object, true},
		{"level=warn", object, false},
		{`msg="no total"`, object, true},
		{`msg~total`, object, true},
		{`path="C:\x"`, object, true},
		{"attempt=3", plain, true},
		{"attempt=33", plain, false},
		{"user=an", plain, false},
		{"status>=500", plain, false},
		{"http://a/b?c=d", "see http://a/b?c=d", true}, // an address is a text
	} {
		terms, err := Parse(c.filter)
		if err != nil || len(terms) == 0 {
			t.Errorf("%s: %v, %d terms", c.filter, err, len(terms))
			continue
		}
		e := hosts.Entry{Text: c.line}
		if c.line == object {
			e.Level = hosts.LevelError
		}
		if got := terms.Accepts(&e); got != c.want {
			t.Errorf("%s: %v on %s", c.filter, got, c.line)
		}
	}
	for _, bad := range []string{"rt>fast", "path~/(/"} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
	for _, half := range []string{"status=", "status>=", "path~"} { // still being typed
		if terms, err := Parse(half); err != nil || len(terms) != 0 {
			t.Errorf("%s: %v, %d terms", half, err, len(terms))
		}
	}
	if terms, err := Parse(FieldText("msg", `say "no"`)); err != nil || len(terms) != 1 || !terms[0].Text.Match(`{"msg":"say \"no\""}`) {
		t.Errorf("a quoted value is not found again: %v %v", terms, err)
	}
}

func TestConditionsUnderOtherNames(t *testing.T) {
	t.Parallel()
	names := &hosts.LogFields{Message: []string{"body"}}
	const line = `{"sev":"error","body":"no total","msg":"other"}`
	for filter, want := range map[string]bool{
		"msg~total": true, `body="no total"`: true, "body~total": true, "msg=other": true, "body=other": false, "!msg~total": false, "sev=error": true,
	} {
		terms, err := Parse(filter)
		if err != nil {
			t.Fatal(err)
		}
		if got := terms.AcceptsAs(&hosts.Entry{Text: line}, names); got != want {
			t.Errorf("%s: %v", filter, got)
		}
	}
	if terms, _ := Parse("msg~total"); terms.Accepts(&hosts.Entry{Text: line}) {
		t.Error("without the names, msg is msg")
	}
}

// A value whose quotes have just been opened, as it is while somebody types, and one that is empty.
func TestEmptyValues(t *testing.T) {
	t.Parallel()
	const line = `{"msg":"x","none":""}`
	for _, filter := range []string{`msg="`, `msg!="`, `msg~"`, `msg=""`, `none=""`, `msg~""`, `!msg="`, `"`, `""`} {
		terms, err := Parse(filter)
		if err != nil {
			t.Errorf("%s: %v", filter, err)
		}
		terms.Accepts(&hosts.Entry{Text: line})
		for i := range terms {
			if got := terms[i].Text.Spans(nil, line, 8); len(got) > 0 {
				t.Errorf("%s: found at %v", filter, got)
			}
			if s, ok := SeekerOf(terms[i].Text); ok {
				t.Errorf("%s is looked for: %T", filter, s)
			}
		}
	}
}

func TestResponseFlags(t *testing.T) {
	t.Parallel()
	const (
		text = `[2026-11-29T04:31:27.123Z] "GET /x HTTP/2" 503 UF,URX 0 91 2 - "-" "curl" "id-1" "host" "10.0.0.1:80"`
		json = `{"method":"GET","path":"/x","response_code":404,"response_flags":"NR"}`
	)
	for _, c := range []struct {
		filter     string
		text, json bool
	}{
		{"flags=NR", false, true},
		{"flags=UF", true, false},
		{"flags=urx", true, false},
		{"response_flags=URX", true, false},
		{"flags!=UF", false, true},
		{"flags=U", false, false},
		{"flags~U", true, false},
		{"!flags=NR", true, false},
	} {
		terms, err := Parse(c.filter)
		if err != nil {
			t.Fatal(err)
		}
		if got := terms.Accepts(&hosts.Entry{Text: text}); got != c.text {
			t.Errorf("%s: %v of the text", c.filter, got)
		}
		if got := terms.Accepts(&hosts.Entry{Text: json}); got != c.json {
			t.Errorf("%s: %v of the object", c.filter, got)
		}
	}
}
