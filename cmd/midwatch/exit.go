package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"midwatch/hosts/inventory"
)

// exitCode is what the program ends with; scripts decide on it.
type exitCode int

// The exit codes. "midwatch help exit-codes" prints them.
const (
	exitOK          exitCode = 0
	exitFindings    exitCode = 1   // findings, or a run that failed
	exitUsage       exitCode = 2   // wrong use, or a configuration that cannot be read
	exitIncomplete  exitCode = 3   // something could not be reached: the answer is incomplete
	exitInterrupted exitCode = 130 // by a signal, or at a prompt
)

const exitCodesText = `0    good
1    findings, or a run that failed
2    wrong use, or a configuration that cannot be read
3    something could not be reached: the answer is incomplete
130  interrupted`

// exitError gives an error its exit code. err may be nil where everything was said already.
type exitError struct {
	code exitCode
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// silently ends a command whose output says it all.
func silently(code exitCode) error { return &exitError{code: code} }

// wrong is an error in how the program was used.
func wrong(format string, args ...any) error {
	return &exitError{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// interruption is the cause of a context that ended by a signal.
type interruption struct{ signal os.Signal }

func (i interruption) Error() string { return "interrupted by " + i.signal.String() }

// codeOf is the exit code of an error.
func codeOf(err error) exitCode {
	var coded *exitError
	var faults inventory.Faults
	var stopped interruption
	switch {
	case err == nil, errors.Is(err, syscall.EPIPE):
		// Nobody reads on, as with "| head": not our failure.
		return exitOK
	case errors.As(err, &coded):
		return coded.code
	case errors.As(err, &stopped), errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &faults):
		return exitUsage
	default:
		return exitFindings
	}
}

// message is what is told of an error, "" when nothing is. Faults are told one a line, each with its
// own place; everything else is one line.
func message(err error) string {
	var faults inventory.Faults
	switch code := codeOf(err); {
	case errors.As(err, &faults):
		return faults.Error() + "\n"
	case code == exitOK || code == exitInterrupted || err.Error() == "":
		return ""
	default:
		return "midwatch: " + strings.Join(strings.Fields(err.Error()), " ") + "\n"
	}
}
