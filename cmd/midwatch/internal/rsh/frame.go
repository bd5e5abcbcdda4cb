package rsh

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// The kinds of frames that a server sends.
const (
	frameOut  = 1
	frameErr  = 2
	frameExit = 3
)

// maxFrame bounds a frame, and maxCommand the command.
const (
	maxFrame   = 64 << 10
	maxCommand = 1 << 20
)

// writeFrame writes a kind, a length and that many bytes.
func writeFrame(w io.Writer, kind byte, p []byte) error {
	head := make([]byte, 5, 5+len(p))
	head[0] = kind
	binary.BigEndian.PutUint32(head[1:], uint32(len(p))) //nolint:gosec // at most maxFrame
	_, err := w.Write(append(head, p...))
	return err
}

// readFrame reads what writeFrame wrote.
func readFrame(r io.Reader, buf []byte) (kind byte, p []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > maxFrame {
		return 0, nil, errors.New("a frame is too long")
	}
	if _, err := io.ReadFull(r, buf[:n]); err != nil {
		return 0, nil, fmt.Errorf("a frame is cut off: %w", err)
	}
	return head[0], buf[:n], nil
}

// writeCommand writes a command's words, behind their length.
func writeCommand(w io.Writer, words []string) error {
	text, err := json.Marshal(words)
	if err != nil {
		return err
	}
	if len(text) > maxCommand {
		return errors.New("the command is too long")
	}
	head := binary.BigEndian.AppendUint32(nil, uint32(len(text))) //nolint:gosec // at most maxCommand
	_, err = w.Write(append(head, text...))
	return err
}

func readCommand(r io.Reader) ([]string, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxCommand {
		return nil, errors.New("the command is too long")
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, err
	}
	var words []string
	if err := json.Unmarshal(text, &words); err != nil {
		return nil, err
	}
	if len(words) == 0 {
		return nil, errors.New("no command")
	}
	return words, nil
}
