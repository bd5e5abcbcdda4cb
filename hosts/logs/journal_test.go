package logs

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"midwatch/hosts"
)

func TestParseJournal(t *testing.T) {
	t.Parallel()
	at := time.UnixMicro(1_700_000_000_123_456).UTC()
	for name, c := range map[string]struct {
		line string
		want JournalEntry
		err  string
	}{
		"plain": {
			line: `{"__CURSOR":"s=1;i=2","__REALTIME_TIMESTAMP":"1700000000123456","MESSAGE":"hello","PRIORITY":"3","SYSLOG_IDENTIFIER":"app","_PID":"12","_SYSTEMD_UNIT":"app.service"}`,
			want: JournalEntry{Time: at, Cursor: "s=1;i=2", Message: "hello", Priority: 3, Identifier: "app", PID: "12", Unit: "app.service"},
		},
		"the writer's clock counts": {
			line: `{"__REALTIME_TIMESTAMP":"1700000000999999","_SOURCE_REALTIME_TIMESTAMP":"1700000000123456","MESSAGE":"x"}`,
			want: JournalEntry{Time: at, Message: "x", Priority: -1},
		},
		"bytes": {
			line: `{"__REALTIME_TIMESTAMP":"1700000000123456","MESSAGE":[104,105,255,27,91,51,49,109]}`,
			want: JournalEntry{Time: at, Message: "hi\uFFFD\x1b[31m", Priority: -1},
		},
		"too large": {
			line: `{"__REALTIME_TIMESTAMP":"1700000000123456","MESSAGE":null,"_COMM":"core"}`,
			want: JournalEntry{Time: at, Omitted: true, Priority: -1, Identifier: "core"},
		},
		"several values": {
			line: `{"__REALTIME_TIMESTAMP":"1700000000123456","MESSAGE":["one","two"],"SYSLOG_IDENTIFIER":[[97,255],"b"]}`,
			want: JournalEntry{Time: at, Message: "one", Priority: -1, Identifier: "a\xff"},
		},
		"systemd about a unit": {
			line: `{"__REALTIME_TIMESTAMP":"1700000000123456","MESSAGE":"Started.","UNIT":"app.service","_SYSTEMD_UNIT":"init.scope"}`,
			want: JournalEntry{Time: at, Message: "Started.", Priority: -1, Unit: "app.service"},
		},
		"odd shapes": {
			line: `{"__REALTIME_TIMESTAMP":1700000000123456,"MESSAGE":{"a":1},"PRIORITY":"high","_PID":true}`,
			want: JournalEntry{Time: at, Priority: -1},
		},
		"no time":  {line: `{"MESSAGE":"x"}`, err: "no time"},
		"not json": {line: `-- Logs begin at`, err: "parse journal entry"},
		"cut":      {line: `{"MESSAGE":"x`, err: "parse journal entry"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseJournal([]byte(c.line))
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want one with %q", err, c.err)
				}
				return
			}
			if err != nil || got != c.want {
				t.Fatalf("got %+v, %v\nwant %+v", got, err, c.want)
			}
		})
	}
}

func TestJournalEntryText(t *testing.T) {
	t.Parallel()
	unit := hosts.LogSource{Host: "h", Kind: hosts.LogUnit, Name: "a.service"}
	whole := hosts.LogSource{Host: "h", Kind: hosts.LogJournal}
	e := JournalEntry{Message: "\x1b[31mERROR x\tfailed\x1b[0m", Priority: 6, Identifier: "app", PID: "7", Cursor: "c"}
	got := e.entry(unit, nil)
	if got.Text != "ERROR x failed" || got.Level != hosts.LevelError || got.Host != "h" || got.Cursor != "c" || got.Source != unit {
		t.Errorf("unit entry: %+v", got)
	}
	if got := e.entry(whole, nil); got.Text != "app[7]: ERROR x failed" {
		t.Errorf("journal entry: %q", got.Text)
	}
	e.Priority = 3
	e.Message = "INFO fine"
	if got := e.entry(unit, nil); got.Level != hosts.LevelError {
		t.Errorf("a stated priority was overruled by text: %v", got.Level)
	}
	e.Omitted = true
	if got := e.entry(unit, nil); !strings.Contains(got.Text, "too large") {
		t.Errorf("an omitted message shows as %q", got.Text)
	}
}

func TestJournalArgv(t *testing.T) {
	t.Parallel()
	unit := hosts.LogSource{Kind: hosts.LogUnit, Name: "nginx.service"}
	whole := hosts.LogSource{Kind: hosts.LogJournal}
	at := time.Unix(1700000000, 5_000_000)
	for name, c := range map[string]struct {
		q      hosts.LogQuery
		src    hosts.LogSource
		cursor string
		f      journalFeatures
		with   []string
		absent []string
	}{
		"tail":        {q: hosts.LogQuery{}, src: unit, with: []string{"--unit=nginx.service", "--lines=200"}, absent: []string{"--follow", "--no-tail"}},
		"follow":      {q: hosts.LogQuery{Follow: true, Tail: 5}, src: whole, with: []string{"--lines=5", "--follow"}, absent: []string{"--no-tail"}},
		"since":       {q: hosts.LogQuery{Follow: true, Since: at}, src: whole, with: []string{"--since=@1700000000.005000", "--follow", "--no-tail"}, absent: []string{"--lines=200"}},
		"resume":      {q: hosts.LogQuery{Follow: true, Since: at}, src: unit, cursor: "s=a;i=1", with: []string{"--after-cursor=s=a;i=1", "--no-tail"}, absent: []string{"--since=@1700000000.005000"}},
		"until ends":  {q: hosts.LogQuery{Follow: true, Until: at}, src: unit, with: []string{"--until=@1700000000.005000"}, absent: []string{"--follow"}},
		"grep":        {q: hosts.LogQuery{Grep: "a.b"}, src: unit, with: []string{`--grep=a\.b`}},
		"old systemd": {q: hosts.LogQuery{Grep: "a"}, src: unit, f: journalFeatures{true, true}, absent: []string{"--grep=a", "--output-fields=" + journalFields}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			argv := journalArgv(c.q, c.src, journalPlace{cursor: c.cursor, since: c.q.Since, until: c.q.Until}, c.f)
			for _, w := range c.with {
				if !slices.Contains(argv, w) {
					t.Errorf("%q lacks %s", argv, w)
				}
			}
			for _, w := range c.absent {
				if slices.Contains(argv, w) {
					t.Errorf("%q has %s", argv, w)
				}
			}
		})
	}
}

func FuzzParseJournal(f *testing.F) {
	f.Add([]byte(`{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"1700000000123456","MESSAGE":"hello","PRIORITY":"3"}`))
	f.Add([]byte(`{"MESSAGE":[1,2,300,-5],"__REALTIME_TIMESTAMP":"1"}`))
	f.Add([]byte(`{"MESSAGE":[[[[[[]]]]]],"__REALTIME_TIMESTAMP":"99999999999999999999"}`))
	f.Add([]byte(`{"MESSAGE":null}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := ParseJournal(line)
		if err != nil {
			return
		}
		got := e.entry(hosts.LogSource{Host: "h", Kind: hosts.LogJournal}, nil)
		if got.Time.IsZero() || !utf8.ValidString(got.Text) || hosts.Clean(got.Text) != got.Text {
			t.Fatalf("%q became %+v", line, got)
		}
	})
}

// The quick reader says what the general one does, or nothing. It does not look at the escapes of fields that
// nobody asked for, which is all that it may take beyond.
func FuzzScanJournal(f *testing.F) {
	for _, line := range []string{
		`{"MESSAGE":"a \\"quoted\\" one\\\\","PRIORITY":"3"}`, `{"MESSAGE":null}`, `{"message":"lower"}`, `{"MESSAGE":"a","MESSAGE":"b"}`, `{}`,
		`{"MESSAGE":"\u00fc ü","X":"1"}`, `{"MESSAGE":"x" }`, `{"MESSAGE":"x"}}`, `{"A":"b",}`, "{\"MESSAGE\":\"\xff\"}",
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var quick, general journalWire
		if !scanJournal(line, &quick) {
			return
		}
		if json.Unmarshal(line, &general) != nil {
			if !bytes.Contains(line, []byte{'\\'}) {
				t.Fatalf("%q is read, and is no JSON", line)
			}
			return
		}
		if quick != general {
			t.Fatalf("%q: %+v, want %+v", line, quick, general)
		}
	})
}

func BenchmarkParseJournal(b *testing.B) {
	line := []byte(`{"__CURSOR":"s=0639b1a1b1d24a2c8e2f;i=4d2;b=1;m=2;t=3;x=4","__REALTIME_TIMESTAMP":"1700000000123456","__MONOTONIC_TIMESTAMP":"123","_BOOT_ID":"abc","MESSAGE":"2026/11/29 04:31:27 [error] 29#29: *1 connect() failed (111: Connection refused)","PRIORITY":"6","SYSLOG_IDENTIFIER":"nginx","_PID":"1234","_SYSTEMD_UNIT":"nginx.service"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseJournal(line); err != nil {
			b.Fatal(err)
		}
	}
}
