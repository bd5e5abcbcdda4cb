package main

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/docker"
	"midwatch/hosts/logs"
	tuilogs "midwatch/tui/logs"
)

// torrent gives lines as fast as they are taken.
type torrent struct {
	n    int
	line string
	at   time.Time
}

func (s *torrent) Next() (docker.LogLine, error) {
	if s.n == 0 {
		return docker.LogLine{}, io.EOF
	}
	s.n--
	s.at = s.at.Add(time.Microsecond)
	return docker.LogLine{Time: s.at, Text: s.line, Cursor: docker.LogCursor{At: s.at, N: 1}}, nil
}

func (*torrent) Close() error { return nil }

// BenchmarkLogsIntoBuffer measures lines from their sources into the buffer of the Logs screen, as the
// console follows them: cleaned, with their level, queued, in order. One operation is one line; run it with
// -cpu 1 for what one core takes (goal: 500,000 lines a second).
func BenchmarkLogsIntoBuffer(b *testing.B) {
	for name, line := range map[string]string{
		"plain":  "2026-11-29T15:38:24.379217759Z INFO pour n=0000197 the quick brown fox jumps over the lazy dog",
		"access": `10.0.0.1 - - [29/Nov/2026:04:31:27 +0000] "GET /api/v1/things HTTP/1.1" 200 512 "-" "curl/7.88"`,
		"json":   `{"level":"info","time":"2026-11-29T04:31:27Z","msg":"request","method":"GET","path":"/api/v1/things","status":200}`,
	} {
		for _, sources := range []int{1, 6} {
			b.Run(fmt.Sprintf("%s/sources=%d", name, sources), func(b *testing.B) {
				start := time.Now().Add(-time.Hour)
				each := b.N/sources + 1
				from := logs.Sources{Container: func(context.Context, string, string, docker.LogOptions) (logs.LineReader, error) {
					return &torrent{n: each, at: start, line: line}, nil
				}}
				q := hosts.LogQuery{Since: start, Follow: true}
				for i := range sources {
					q.Sources = append(q.Sources, hosts.LogSource{Host: "h", Kind: hosts.LogContainer, Name: fmt.Sprint(i)})
				}
				buf := tuilogs.NewBuffer(0)
				b.ReportAllocs()
				b.ResetTimer()
				s := logs.Open(b.Context(), from, q)
				lines := 0
				for lines < each*sources {
					batch, err := s.Next(b.Context())
					if err != nil {
						b.Fatal(err)
					}
					lines += len(batch.Entries)
					buf.Append(time.Now(), batch.Entries, batch.Dropped)
				}
				b.StopTimer()
				_ = s.Close()
				b.ReportMetric(float64(lines)/b.Elapsed().Seconds(), "lines/s")
			})
		}
	}
}
