package config

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// maxSyntax is how many faults of the text itself are collected: past a few, the rest are
// consequences of the first.
const maxSyntax = 10

// Decode parses TOML. The library stops at the first fault; to report the others too, the line it
// named is left out (a repeated table with all its lines) and the rest is parsed again. The text
// that was finally accepted is returned with the same line numbers as data. advice is said where the fault
// is on a line that may hold a secret.
func Decode(file string, data []byte, advice string) (map[string]any, []byte, Faults) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	var faults Faults
	for {
		var doc map[string]any
		_, err := toml.Decode(string(data), &doc)
		if err == nil {
			return doc, data, faults
		}
		f, line := syntaxFault(file, data, err, advice)
		if n := len(faults); n >= maxSyntax || n > 0 && line <= faults[n-1].Line && !repeated(f) {
			// No progress: leaving more out would only invent faults.
			if n < maxSyntax {
				faults = append(faults, f)
			}
			return nil, nil, faults
		}
		faults = append(faults, f)
		next, ok := without(data, line)
		if !ok {
			return nil, nil, faults
		}
		data = next
	}
}

func repeated(f Fault) bool { return strings.HasSuffix(f.What, "is defined twice") }

func syntaxFault(file string, data []byte, err error, advice string) (Fault, int) {
	f := Fault{File: file, What: firstLine(err.Error()), Meant: "want TOML, see https://toml.io"}
	var pe toml.ParseError
	if !errors.As(err, &pe) {
		if !utf8.Valid(data) {
			f.What, f.Meant = "not UTF-8 text", "save the file as UTF-8"
		}
		return f, 0
	}
	f.Line = pe.Position.Line
	f.What = "not TOML: " + firstLine(pe.Message)
	f.Meant = "at: " + excerpt(data, f.Line)
	if secretLine(data, f.Line) {
		// Both texts quote the value, and this one may be a secret that somebody wrote in plain.
		f.What, f.Meant = "not TOML, on a line that names a secret", advice
	}
	// "Key 'hosts.a' has already been defined." is said of keys and of tables.
	if _, after, ok := strings.Cut(pe.Message, "Key '"); ok && strings.Contains(pe.Message, "already") {
		key, _, _ := strings.Cut(after, "'")
		f.What = fmt.Sprintf("%s is defined twice", key)
		f.Meant = "keep one of the two"
	}
	return f, f.Line
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// excerpt is the line a person has to look at, quoted because anything may stand there.
func excerpt(data []byte, line int) string {
	lines := bytes.Split(data, []byte("\n"))
	if line < 1 || line > len(lines) {
		return "the end of the file"
	}
	text := []rune(strings.TrimSpace(string(lines[line-1])))
	const most = 40
	if len(text) > most {
		text = append(text[:most], '…')
	}
	return fmt.Sprintf("%q", string(text))
}

var secretWord = regexp.MustCompile(`(?i)pass|secret|token|key`)

func secretLine(data []byte, line int) bool {
	lines := bytes.Split(data, []byte("\n"))
	return line >= 1 && line <= len(lines) && secretWord.Match(lines[line-1])
}

// without empties a line. When it is the header of a table, the lines of that table go with it, or
// its keys would land in the table before.
func without(data []byte, line int) ([]byte, bool) {
	lines := bytes.Split(data, []byte("\n"))
	if line < 1 || line > len(lines) {
		return nil, false
	}
	i := line - 1
	was := len(bytes.TrimSpace(lines[i]))
	header := isHeader(lines[i])
	lines[i] = nil
	for i++; header && i < len(lines) && !isHeader(lines[i]); i++ {
		was += len(bytes.TrimSpace(lines[i]))
		lines[i] = nil
	}
	return bytes.Join(lines, []byte("\n")), was > 0
}

func isHeader(line []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(line), []byte("[")) }
