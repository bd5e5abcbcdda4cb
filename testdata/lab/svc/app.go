package main

import (
	"context"
	"crypto/sha1" //nolint:gosec // the handshake of RFC 6455 is defined with it
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// app answers as the applications do that proxies get wrong:
//
//	/login    sends the client to /home with the scheme of X-Forwarded-Proto, http without one
//	/ws       is a WebSocket: 101 for a handshake, 426 for anything else
//	/stream   five events, -every apart
//	others    their path; 400 for a request that says Connection: upgrade and asks for no upgrade, as uvicorn
//	          with h11 did before 0.19
func app(every time.Duration) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, `{"status":"ok"}`) })
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		scheme := r.Header.Get("X-Forwarded-Proto")
		if scheme == "" {
			scheme = "http"
		}
		w.Header().Set("Location", scheme+"://"+r.Host+"/home")
		w.WriteHeader(http.StatusFound)
	})
	mux.HandleFunc("GET /ws", shakeHands)
	mux.HandleFunc("GET /stream", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for n := range 5 {
			fmt.Fprintf(w, "data: %d\n\n", n)
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
				return
			case <-time.After(every):
			}
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, r.Method, r.URL.Path) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.EqualFold(r.Header.Get("Connection"), "upgrade") && r.Header.Get("Upgrade") == "" {
			fmt.Println("WARNING:  Unsupported upgrade request.")
			http.Error(w, "Invalid HTTP request received.", http.StatusBadRequest)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// shakeHands accepts a WebSocket, says hello and closes it.
func shakeHands(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Sec-WebSocket-Key")
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") || !strings.Contains(strings.ToLower(r.Header.Get("Connection")), "upgrade") || key == "" {
		w.Header().Set("Upgrade", "websocket")
		http.Error(w, "this is a WebSocket", http.StatusUpgradeRequired)
		return
	}
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer conn.Close()
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // see above
	fmt.Fprintf(buf, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n\x81\x05hello\x88\x00",
		base64.StdEncoding.EncodeToString(sum[:]))
	_ = buf.Flush()
}

// database makes a SQLite database without a table, as its file format describes one, and keeps it open
// until the end, with a write-ahead log beside it.
func database(ctx context.Context, file string) error {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o644) //nolint:gosec // a test file that anybody may read
	if err != nil {
		return err
	}
	defer f.Close()
	page := make([]byte, 4096)
	copy(page, "SQLite format 3\x00")
	binary.BigEndian.PutUint16(page[16:], 4096)
	copy(page[18:], []byte{2, 2, 0, 64, 32, 32}) // WAL, and the fractions that every database has
	for at, v := range map[int]uint32{24: 1, 28: 1, 44: 4, 56: 1, 92: 1, 96: 3040001} {
		binary.BigEndian.PutUint32(page[at:], v)
	}
	page[100] = 13 // the schema: a leaf without a cell
	binary.BigEndian.PutUint16(page[105:], 4096)
	if _, err := f.WriteAt(page, 0); err != nil {
		return err
	}
	wal, err := os.OpenFile(file+"-wal", os.O_RDWR|os.O_CREATE, 0o644) //nolint:gosec // as above
	if err != nil {
		return err
	}
	_, err = io.WriteString(wal, strings.Repeat("\x00", 32))
	fmt.Println("holding", file)
	<-ctx.Done()
	return errors.Join(err, wal.Close())
}
