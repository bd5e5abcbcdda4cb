package logline

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
)

// sample is a line and what a reader must find in it; fields are "name=value".
type sample struct {
	name    string
	line    string
	format  Format
	time    string // RFC 3339; "" for none
	level   hosts.Level
	message string
	fields  []string
}

func samples() []sample {
	return []sample{
		{
			"slog json", `{"time":"2026-11-29T04:31:27.123456789Z","level":"ERROR","msg":"query failed","request_id":"7f3a9c2e","db":{"host":"10.0.0.5","port":5432}}`,
			JSON, "2026-11-29T04:31:27.123456789Z", hosts.LevelError, "query failed",
			[]string{"request_id=7f3a9c2e", "db.host=10.0.0.5", "db.port=5432"},
		},
		{
			"zerolog", `{"level":"warn","time":1795926687,"message":"slow","took":12.5}`,
			JSON, "2026-11-29T04:31:27Z", hosts.LevelWarn, "slow",
			[]string{"took=12.5"},
		},
		{
			"zap json", `{"level":"info","ts":1795926687.25,"caller":"api/main.go:12","msg":"listening","addr":":8080"}`,
			JSON, "2026-11-29T04:31:27.25Z", hosts.LevelInfo, "listening",
			[]string{"caller=api/main.go:12", "addr=:8080"},
		},
		{
			"pino", `{"level":50,"time":1795926687250,"pid":1,"hostname":"a","reqId":"req-1234","msg":"boom","ok":false,"tags":["a","b"],"none":null}`,
			JSON, "2026-11-29T04:31:27.25Z", hosts.LevelError, "boom",
			[]string{"reqId=req-1234", "ok=false", `tags=["a","b"]`},
		},
		{
			"structlog", `{"event":"login","level":"info","timestamp":"2026-11-29T04:31:27Z","user":"ann"}`,
			JSON, "2026-11-29T04:31:27Z", hosts.LevelInfo, "login",
			[]string{"user=ann"},
		},
		{
			"elastic", `{"@timestamp":"2026-11-29T04:31:27.000Z","log.level":"error","message":"x","trace.id":"4bf92f3577b34da6a3ce929d0e0e4736"}`,
			JSON, "2026-11-29T04:31:27Z", hosts.LevelError, "x",
			[]string{"trace.id=4bf92f3577b34da6a3ce929d0e0e4736"},
		},
		{
			"envoy json access", `{"start_time":"2026-11-29T04:31:27.000Z","method":"GET","path":"/api","response_code":503,"response_flags":"UF"}`,
			JSON, "2026-11-29T04:31:27Z", hosts.LevelError, "GET /api 503",
			[]string{"response_flags=UF"},
		},
		{
			"the second message is a field", `{"msg":"a","message":"b","level":"info"}`,
			JSON, "", hosts.LevelInfo, "a",
			[]string{"message=b"},
		},
		{
			"logfmt", `ts=2026-11-29T04:31:27Z level=warn caller=main.go:10 msg="disk is \"full\"" used=0.91 empty=`,
			Logfmt, "2026-11-29T04:31:27Z", hosts.LevelWarn, `disk is "full"`,
			[]string{"caller=main.go:10", "used=0.91"},
		},
		{
			"slog text", `time=2026-11-29T04:31:27.123Z level=ERROR msg="cannot connect" host=db port=5432`,
			Logfmt, "2026-11-29T04:31:27.123Z", hosts.LevelError, "cannot connect",
			[]string{"host=db", "port=5432"},
		},
		{
			"lograge", `method=GET path=/orders format=html controller=OrdersController action=index status=500 duration=12.33`,
			Logfmt, "", hosts.LevelError, "GET /orders 500",
			[]string{"controller=OrdersController", "duration=12.33"},
		},
		{
			"nginx combined", `10.1.2.3 - ann [29/Nov/2026:04:31:27 +0000] "POST /api/login?next=%2F HTTP/1.1" 502 157 "https://a.example/" "Mozilla/5.0 (X11)" rt=0.120 rid=7f3a9c2e "10.9.9.9"`,
			Access, "2026-11-29T04:31:27Z", hosts.LevelError, "POST /api/login?next=%2F HTTP/1.1 502",
			[]string{"client=10.1.2.3", "user=ann", "method=POST", "path=/api/login?next=%2F", "protocol=HTTP/1.1", "status=502", "bytes=157", "referer=https://a.example/", "agent=Mozilla/5.0 (X11)", "rt=0.120", "rid=7f3a9c2e", "forwarded_for=10.9.9.9"},
		},
		{
			"common", `10.1.2.3 - - [29/Nov/2026:05:31:27 +0100] "GET / HTTP/1.0" 200 -`,
			Access, "2026-11-29T04:31:27Z", hosts.LevelInfo, "GET / HTTP/1.0 200",
			[]string{"client=10.1.2.3", "status=200"},
		},
		{
			"a tls hello sent to a plain port", `10.1.2.3 - - [29/Nov/2026:04:31:27 +0000] "\x16\x03\x01" 400 157 "-" "-"`,
			Access, "2026-11-29T04:31:27Z", hosts.LevelWarn, `\x16\x03\x01 400`,
			[]string{`request=\x16\x03\x01`, "status=400"},
		},
		{
			"nginx error", `2026/11/29 04:31:27 [error] 29#30: *17 connect() failed (111: Connection refused) while connecting to upstream, client: 10.1.2.3, server: a.example, request: "GET /api, HTTP/1.1", upstream: "http://10.0.0.2:8000/api", host: "a.example"`,
			NginxError, "2026-11-29T04:31:27Z", hosts.LevelError, "connect() failed (111: Connection refused) while connecting to upstream",
			[]string{"pid=29", "connection=17", "client=10.1.2.3", "server=a.example", "method=GET", "upstream=http://10.0.0.2:8000/api", "host=a.example"},
		},
		{
			"nginx notice", `2026/11/29 04:31:27 [notice] 1#1: start worker processes`,
			NginxError, "2026-11-29T04:31:27Z", hosts.LevelNotice, "start worker processes",
			[]string{"pid=1"},
		},
		{
			"envoy access", `[2026-11-29T04:31:27.310Z] "GET /status HTTP/2" 503 UF,URX 0 91 25003 - "10.1.2.3" "curl/8" "f0d1c2b3-aaaa-4bbb-8ccc-0123456789ab" "a.example" "10.0.0.2:8002"`,
			Envoy, "2026-11-29T04:31:27.31Z", hosts.LevelError, "GET /status HTTP/2 503 UF,URX",
			[]string{"status=503", "flags=UF,URX", "received=0", "bytes=91", "duration_ms=25003", "request_id=f0d1c2b3-aaaa-4bbb-8ccc-0123456789ab", "authority=a.example", "upstream=10.0.0.2:8002"},
		},
		{
			"envoy access with details", `[2026-11-29T04:31:27.310Z] "GET / HTTP/1.1" 404 NR route_not_found - "-" 0 0 0 - "10.1.2.3" "curl/8" "f0d1c2b3-aaaa-4bbb-8ccc-0123456789ab" "b.example" "-"`,
			Envoy, "2026-11-29T04:31:27.31Z", hosts.LevelWarn, "GET / HTTP/1.1 404 NR",
			[]string{"flags=NR", "details=route_not_found", "received=0", "bytes=0", "duration_ms=0", "authority=b.example"},
		},
		{
			"envoy", `[2026-11-29 04:31:27.123][1][warning][config] [source/common/config/grpc_stream.h:191] DeltaAggregatedResources gRPC config stream closed: 14`,
			EnvoyApp, "2026-11-29T04:31:27.123Z", hosts.LevelWarn, "DeltaAggregatedResources gRPC config stream closed: 14",
			[]string{"thread=1", "logger=config", "source=source/common/config/grpc_stream.h:191"},
		},
		{
			"uvicorn access", `INFO:     127.0.0.1:51000 - "GET /health HTTP/1.1" 500 Internal Server Error`,
			Uvicorn, "", hosts.LevelError, "GET /health HTTP/1.1 500",
			[]string{"client=127.0.0.1:51000", "method=GET", "path=/health", "status=500"},
		},
		{
			"uvicorn", `ERROR:    Exception in ASGI application`,
			Uvicorn, "", hosts.LevelError, "Exception in ASGI application", nil,
		},
		{
			"rails request", `I, [2026-11-29T04:31:27.123456 #12]  INFO -- : [f0d1c2b3-aaaa-4bbb-8ccc-0123456789ab] Started GET "/orders" for 10.1.2.3 at 2026-11-29 04:31:27 +0000`,
			Ruby, "2026-11-29T04:31:27.123456Z", hosts.LevelInfo, `Started GET "/orders" for 10.1.2.3 at 2026-11-29 04:31:27 +0000`,
			[]string{"pid=12", "request_id=f0d1c2b3-aaaa-4bbb-8ccc-0123456789ab", "method=GET", "path=/orders", "client=10.1.2.3"},
		},
		{
			"rails completed", `I, [2026-11-29T04:31:27.123456 #12]  INFO -- : Completed 500 Internal Server Error in 12ms (ActiveRecord: 3.1ms)`,
			Ruby, "2026-11-29T04:31:27.123456Z", hosts.LevelError, `Completed 500 Internal Server Error in 12ms (ActiveRecord: 3.1ms)`,
			[]string{"status=500", "duration=12ms"},
		},
		{
			"sidekiq", `2026-11-29T04:31:27.123Z pid=12 tid=abc class=MailJob jid=b4a577edbccf1d805744efa9 elapsed=0.5 INFO: done`,
			Sidekiq, "2026-11-29T04:31:27.123Z", hosts.LevelInfo, "done",
			[]string{"pid=12", "class=MailJob", "jid=b4a577edbccf1d805744efa9", "elapsed=0.5"},
		},
		{
			"syslog 5424", `<165>1 2026-11-29T04:31:27.003Z host app 8710 ID47 [x@1 iut="3" src="App"][y@1 a="b"] An event`,
			Syslog, "2026-11-29T04:31:27.003Z", hosts.LevelNotice, "An event",
			[]string{"hostname=host", "app=app", "pid=8710", "msgid=ID47", "iut=3", "src=App", "a=b"},
		},
		{
			"syslog 3164", `<34>Nov 29 04:31:27 host su[42]: failed for root`,
			Syslog, "", hosts.LevelFatal, "failed for root",
			[]string{"hostname=host", "app=su", "pid=42"},
		},
		{
			"klog", `E1129 04:31:27.770123       1 reflector.go:147] "Unhandled error" err="timed out" node="a"`,
			Klog, "", hosts.LevelError, "Unhandled error",
			[]string{"thread=1", "source=reflector.go:147", "err=timed out", "node=a"},
		},
		{
			"zap console", "2026-11-29T04:31:27.123Z\tERROR\tapi\tserver/main.go:10\tcannot serve\t{\"addr\": \":80\"}",
			Zap, "2026-11-29T04:31:27.123Z", hosts.LevelError, "cannot serve",
			[]string{"addr=:80", "logger=api", "source=server/main.go:10"},
		},
		{
			"python", `2026-11-29 04:31:27,123 - app.main - ERROR - cannot connect`,
			Plain, "2026-11-29T04:31:27.123Z", hosts.LevelError, "app.main - ERROR - cannot connect", nil,
		},
		{
			"postgres", `2026-11-29 04:31:27.123 UTC [42] FATAL:  the database system is starting up`,
			Plain, "2026-11-29T04:31:27.123Z", hosts.LevelFatal, "[42] FATAL:  the database system is starting up", nil,
		},
		{"text", `listening on :8080`, Plain, "", hosts.LevelNone, "listening on :8080", nil},
		{"a sum is not logfmt", `a=b and then some words`, Plain, "", hosts.LevelNone, "a=b and then some words", nil},
		{"two equations in a text", `error in x=1 because y=2`, Plain, "", hosts.LevelNone, "error in x=1 because y=2", nil},
		{"not quite json", `{"level":"error",`, Plain, "", hosts.LevelError, `{"level":"error",`, nil},
		{"empty", ``, Plain, "", hosts.LevelNone, "", nil},
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range samples() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := Parse(c.line)
			at := ""
			if !r.Time.IsZero() {
				at = r.Time.UTC().Format(time.RFC3339Nano)
			}
			if r.Format != c.format || at != c.time || r.Level != c.level || r.Message != c.message {
				t.Errorf("got %v, time %q, level %q, message %q", r.Format, at, r.Level, r.Message)
			}
			for _, f := range c.fields {
				name, want, _ := strings.Cut(f, "=")
				if got, _ := r.Get(name); got != want {
					t.Errorf("%s = %q, want %q; all: %v", name, got, want, r.Fields)
				}
			}
			if c.fields == nil && len(r.Fields) > 0 {
				t.Errorf("unexpected fields: %v", r.Fields)
			}
		})
	}
}

// Every format has at least one sample: one that is added without shows here.
func TestEveryFormatIsRead(t *testing.T) {
	t.Parallel()
	seen := map[Format]bool{}
	for _, c := range samples() {
		seen[c.format] = true
	}
	for _, x := range readers {
		if !seen[x.format] {
			t.Errorf("no sample of %v", x.format)
		}
	}
}

func TestParseKeepsFurtherLines(t *testing.T) {
	t.Parallel()
	r := Parse("ERROR:    Exception in ASGI application\nTraceback (most recent call last):\n  File \"a.py\"")
	if !strings.HasSuffix(r.Message, "\nTraceback (most recent call last):\n  File \"a.py\"") || r.Format != Uvicorn {
		t.Errorf("%v %q", r.Format, r.Message)
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	const w3c = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for _, c := range []struct{ line, name, follow string }{
		{`{"msg":"a","request_id":"7f3a9c2e"}`, "request_id", "7f3a9c2e"},
		{`{"msg":"a","requestId":"7f3a9c2e","trace_id":"4bf92f3577b34da6"}`, "trace_id", "4bf92f3577b34da6"},
		{`{"msg":"a","headers":{"X-Request-ID":"7f3a9c2e"}}`, "headers.X-Request-ID", "7f3a9c2e"},
		{`{"msg":"a","trace.id":"4bf92f3577b34da6"}`, "trace.id", "4bf92f3577b34da6"},
		{`{"msg":"a","traceparent":"` + w3c + `"}`, "traceparent", "4bf92f3577b34da6a3ce929d0e0e4736"},
		{`{"msg":"a","request_id":"0"}`, "", ""},
		{`{"msg":"a","request_id":"-"}`, "", ""},
		{`{"msg":"a","trace_id":"00000000000000000000000000000000"}`, "", ""},
		{`{"msg":"a","user_id":"12345678"}`, "", ""},
		{`10.1.2.3 - - [29/Nov/2026:04:31:27 +0000] "GET / HTTP/1.1" 500 1 "-" "-" rid=7f3a9c2e`, "rid", "7f3a9c2e"},
	} {
		r := Parse(c.line)
		f, ok := RequestID(&r)
		if f.Name != c.name || ok != (c.name != "") {
			t.Errorf("%s: found %v", c.line, f)
		}
		if ok && Follow(f) != c.follow {
			t.Errorf("%s: follows %q, want %q", c.line, Follow(f), c.follow)
		}
	}
}

func TestContinues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		lines string // the first is a record; "+" marks those that go on
	}{
		{"python", "ERROR:    Exception in ASGI application\n+Traceback (most recent call last):\n+  File \"/app/main.py\", line 3, in get\n+    return total()\n+ZeroDivisionError: division by zero\nINFO:     127.0.0.1:1 - \"GET / HTTP/1.1\" 200 OK"},
		{"bare python", "Traceback (most recent call last):\n+  File \"/app/main.py\", line 3, in get\n+    raise app.errors.NotFoundError(1)\n+app.errors.NotFoundError: 1\nlistening"},
		{"java", "2026-11-29 04:31:27,123 ERROR app: boom\n+\tat com.a.B.c(B.java:12)\n+Caused by: java.lang.IllegalStateException\n+\t... 12 more\n2026-11-29 04:31:28,123 INFO app: on"},
		{"node", "TypeError: x is not a function\n+    at Object.<anonymous> (/app/a.js:3:1)\n+    at Module._compile (node:internal/modules/cjs/loader:1554:14)\nlistening"},
		{"go", "panic: runtime error: index out of range [3] with length 3\n+goroutine 1 [running]:\n+main.main()\n+\t/app/main.go:8 +0x1d\n+exit status 2\nlistening"},
		{"ruby", "NoMethodError (undefined method 'x' for nil):\n+app/models/order.rb:12:in 'total'\n+app/controllers/orders_controller.rb:7:in 'show'\nlistening"},
		{"an object over lines", "config: {\n+  a: 1\n+}\nlistening"},
		{"indented lines with levels are their own", "starting\n  INFO one\n  WARN two"},
		{"plain", "a\nb\nc"},
		{"an error then an error", "ValueError: a\nValueError: b"},
	} {
		lines := strings.Split(c.lines, "\n")
		first, prev := lines[0], lines[0]
		for _, l := range lines[1:] {
			line, want := strings.CutPrefix(l, "+")
			if got := Continues(first, prev, line); got != want {
				t.Errorf("%s: %q goes on: %v", c.name, line, got)
			}
			if !want {
				first = line
			}
			prev = line
		}
	}
}

// Whatever a host writes, reading it ends, keeps to its bounds and loses no text.
func FuzzParse(f *testing.F) {
	for _, c := range samples() {
		f.Add(c.line)
	}
	f.Add("<34>")
	f.Add("[[[[")
	f.Add(`{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}}}}`)
	f.Add("x\x00y \x1b]0;title\x07 \u202e")
	f.Fuzz(func(t *testing.T, s string) {
		r := Parse(s)
		if len(r.Fields) > maxFields {
			t.Fatalf("%d fields", len(r.Fields))
		}
		if r.Message == "" && len(r.Fields) == 0 && strings.TrimSpace(s) != "" && r.Format == Plain {
			t.Fatalf("%q: nothing is left", s)
		}
		_, _ = RequestID(&r)
		_ = Continues(s, s, s)
		_ = r.Format.String()
	})
}

// Every reader of a format gets whatever there is, also what the ones before it would have taken: none
// panics, none keeps more than its share, and what a field holds is part of the line or made of it.
func FuzzReaders(f *testing.F) {
	for _, c := range samples() {
		f.Add(c.line)
		f.Add(c.line[:len(c.line)/2]) // cut off
		f.Add(c.line[len(c.line)/2:])
	}
	for _, s := range []string{"", " ", "[", "\"", "=", "{\"", "<1>1 - ", "I, [", "I0102 ", "\t\t\t", "pid=", "\xff\xfe", "\x00", "[29/Nov/2026:04:31:27 +0000]", strings.Repeat("a=", 500)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, x := range readers {
			r := Record{Format: x.format}
			if !x.read(s, &r) {
				continue
			}
			if len(r.Fields) > maxFields {
				t.Errorf("%s of %q: %d fields", x.format, s, len(r.Fields))
			}
			size := len(r.Message)
			for _, f := range r.Fields {
				size += len(f.Value)
			}
			// An escape of six bytes is a character of three at most, and a byte that is none is replaced by three.
			if size > 8*len(s)+200 {
				t.Errorf("%s of %q: %d bytes of %d", x.format, s, size, len(s))
			}
			if r.Level < hosts.LevelNone || r.Level > hosts.LevelFatal {
				t.Errorf("%s of %q: level %d", x.format, s, r.Level)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for _, c := range samples() {
		b.Run(strings.ReplaceAll(c.name, " ", "_"), func(b *testing.B) {
			b.SetBytes(int64(len(c.line)))
			b.ReportAllocs()
			for b.Loop() {
				r := Parse(c.line)
				if r.Format != c.format {
					b.Fatal(fmt.Sprint(r.Format))
				}
			}
		})
	}
}
