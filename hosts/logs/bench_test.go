package logs

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/docker"
)

// endless gives n lines as fast as they are taken.
type endless struct {
	n    int
	line string
	at   time.Time
}

func (e *endless) Next() (docker.LogLine, error) {
	if e.n == 0 {
		return docker.LogLine{}, io.EOF
	}
	e.n--
	e.at = e.at.Add(time.Microsecond)
	return docker.LogLine{Time: e.at, Text: e.line, Cursor: docker.LogCursor{At: e.at, N: 1}}, nil
}

func (*endless) Close() error { return nil }

// BenchmarkPump measures lines through the whole stream (cleaning, level, queue, merge, batches);
// one operation is one line.
func BenchmarkPump(b *testing.B) {
	for _, sources := range []int{1, 8} {
		b.Run(fmt.Sprintf("sources=%d", sources), func(b *testing.B) {
			start := time.Now()
			from := Sources{Container: func(context.Context, string, string, docker.LogOptions) (LineReader, error) {
				return &endless{n: b.N/sources + 1, at: start, line: `10.0.0.1 - - [29/Nov/2026:04:31:27 +0000] "GET /api/v1/things HTTP/1.1" 200 512 "-" "curl/7.88"`}, nil
			}}
			var q hosts.LogQuery
			for i := range sources {
				q.Sources = append(q.Sources, container("h", fmt.Sprint(i)))
			}
			b.ReportAllocs()
			b.ResetTimer()
			s := Open(b.Context(), from, q)
			lines, batches := 0, 0
			for {
				batch, err := s.Next(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				lines += len(batch.Entries)
				batches++
				if batch.Done {
					break
				}
			}
			b.StopTimer()
			_ = s.Close()
			b.ReportMetric(float64(lines)/b.Elapsed().Seconds(), "lines/s")
			b.ReportMetric(float64(lines)/float64(batches), "lines/batch")
		})
	}
}
