package logline

import (
	"testing"

	"midwatch/hosts"
)

func TestLevel(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		line string
		want hosts.Level
	}{
		{"", hosts.LevelNone},
		{"   ", hosts.LevelNone},
		{`10.0.0.1 - - [29/Nov/2026:04:31:27 +0000] "GET /error HTTP/1.1" 500 12 "-" "curl"`, hosts.LevelError},
		{`10.0.0.1 - - [29/Nov/2026:04:31:27 +0000] "GET /error HTTP/1.1" 200 12 "-" "ERROR"`, hosts.LevelInfo},
		{`10.0.0.1 - - [29/Nov/2026:04:31:27 +0000] "GET /x HTTP/1.1" 404 12`, hosts.LevelWarn},
		{`[2026-11-29T04:31:27.123Z] "GET /x HTTP/2" 503 UF 0 91 2 - "-" "curl" "id" "host" "10.0.0.1:80"`, hosts.LevelError},
		{`{"status":"502","path":"/x"}`, hosts.LevelError},
		{`{"method":"GET","response_code": 404}`, hosts.LevelWarn},
		{`{"status":5021}`, hosts.LevelNone},
		{`GET /x HTTP/1.1" 5`, hosts.LevelNone},
		{`upgrade to HTTP/1.1" 200ms`, hosts.LevelNone},
		{`{"level":"error","msg":"x"}`, hosts.LevelError},
		{`{"time":"2026","severity": "WARNING","message":"level"}`, hosts.LevelWarn},
		{`{"level":30,"time":1,"msg":"pino"}`, hosts.LevelInfo},
		{`{"level":50}`, hosts.LevelError},
		{`{"level":"60"}`, hosts.LevelFatal},
		{`{"level":3}`, hosts.LevelError},
		{`{"msg":"the \"level\" of water"}`, hosts.LevelNone},
		{`{"log.level":"debug"}`, hosts.LevelDebug},
		{`{"lvl":"crit"}`, hosts.LevelFatal},
		{`ts=2026-11-29T04:31:27Z level=warn msg="disk"`, hosts.LevelWarn},
		{`time="2026-11-29T04:32:29Z" level=error msg="collecting"`, hosts.LevelError},
		{`lvl="dbug" msg=x`, hosts.LevelDebug},
		{`sublevel=error a=b`, hosts.LevelNone},
		{`2026/11/29 04:31:27 [error] 29#29: *1 connect() failed (111: Connection refused)`, hosts.LevelError},
		{`2026/11/29 04:31:27 [crit] 29#29: *1 SSL_do_handshake() failed`, hosts.LevelFatal},
		{`2026/11/29 04:31:27 [notice] 1#1: start worker processes`, hosts.LevelNotice},
		{`[2026-11-29 04:31:27.123][1][warning][main] [source/server/server.cc:761]`, hosts.LevelWarn},
		{`[ WARN ] low disk`, hosts.LevelWarn},
		{`E, [2026-11-29T04:31:27.123456 #12] ERROR -- : boom`, hosts.LevelError},
		{`I, [2026-11-29T04:31:27.123456 #12]  INFO -- : Started GET "/error"`, hosts.LevelInfo},
		{`2026-11-29T04:31:27.123Z pid=12 tid=abc class=X jid=1 INFO: start`, hosts.LevelInfo},
		{`2026-11-29 04:31:27,123 ERROR app.main: cannot connect`, hosts.LevelError},
		{`INFO:     127.0.0.1:51000 - "GET /health HTTP/1.1" 200 OK`, hosts.LevelInfo},
		{`WARNING:  Invalid HTTP request received.`, hosts.LevelWarn},
		{`2026-11-29 04:31:27.1 UTC [12] LOG:  database system is ready`, hosts.LevelInfo},
		{`2026-11-29 04:31:27.1 UTC [12] FATAL:  role "x" does not exist`, hosts.LevelFatal},
		{`E1129 04:31:27.770754   1 reflector.go:138] failed`, hosts.LevelError},
		{`W1129 04:31:27.770754   1 x.go:1] slow`, hosts.LevelWarn},
		{`<11>app: broke`, hosts.LevelError},
		{`<6>ok`, hosts.LevelInfo},
		{`<html>`, hosts.LevelNone},
		{`error: no such file`, hosts.LevelError},
		{`2026-11-29T04:31:27Z error: no such file`, hosts.LevelError},
		{`there was no error here`, hosts.LevelNone},
		{`GET /ERROR/x`, hosts.LevelNone},
		{`error_log set to /dev/stderr`, hosts.LevelNone},
		{`LOG of things`, hosts.LevelNone},
		{`panic: runtime error: index out of range`, hosts.LevelFatal},
		{`Traceback (most recent call last):`, hosts.LevelError},
		{`2026-11-29 | INFO | x`, hosts.LevelInfo},
		{`Ошибка ERROR: диск`, hosts.LevelError},
		{`ok`, hosts.LevelNone},
	} {
		if got := Level(c.line); got != c.want {
			t.Errorf("Level(%q) = %v, want %v", c.line, got, c.want)
		}
	}
}

func TestLevelOfPriority(t *testing.T) {
	t.Parallel()
	want := []hosts.Level{
		hosts.LevelFatal, hosts.LevelFatal, hosts.LevelFatal, hosts.LevelError,
		hosts.LevelWarn, hosts.LevelNotice, hosts.LevelInfo, hosts.LevelDebug,
	}
	for p, w := range want {
		if got := LevelOfPriority(p); got != w {
			t.Errorf("priority %d is %v, want %v", p, got, w)
		}
	}
	for _, p := range []int{-1, 8, 1000} {
		if got := LevelOfPriority(p); got != hosts.LevelNone {
			t.Errorf("priority %d is %v, want none", p, got)
		}
	}
}

func FuzzLevel(f *testing.F) {
	f.Add(`{"level":"error"}`)
	f.Add(`level=`)
	f.Add("<191>x [error")
	f.Fuzz(func(t *testing.T, s string) {
		if l := Level(s); l < hosts.LevelNone || l > hosts.LevelFatal {
			t.Fatalf("Level(%q) = %d", s, l)
		}
	})
}

func BenchmarkLevel(b *testing.B) {
	lines := []string{
		`{"time":"2026-11-29T04:31:27Z","level":"info","msg":"request","path":"/api","status":200}`,
		`10.0.0.1 - - [29/Nov/2026:04:31:27 +0000] "GET / HTTP/1.1" 200 12 "-" "curl"`,
		`2026/11/29 04:31:27 [error] 29#29: *1 connect() failed`,
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_ = Level(lines[i%len(lines)])
	}
}
