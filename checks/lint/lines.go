package lint

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// jsonLines gives the line of every value of a JSON document by its path in the notation of jq, as
// hosts/envoy writes paths.
func jsonLines(text []byte) map[string]int {
	out := map[string]int{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	l := &liner{text: text, d: d, out: out, line: 1}
	l.value("")
	return out
}

type liner struct {
	text []byte
	d    *json.Decoder
	out  map[string]int
	line int
	at   int64 // how far lines were counted
}

func (l *liner) token() (json.Token, bool) {
	t, err := l.d.Token()
	if err != nil {
		return nil, false
	}
	end := l.d.InputOffset()
	l.line += bytes.Count(l.text[l.at:end], []byte("\n"))
	l.at = end
	return t, true
}

func (l *liner) value(path string) bool {
	t, ok := l.token()
	if !ok {
		return false
	}
	l.out[path] = l.line
	switch t {
	case json.Delim('{'):
		for l.d.More() {
			k, ok := l.token()
			if !ok {
				return false
			}
			name, _ := k.(string)
			if !l.value(path + "." + name) {
				return false
			}
		}
		_, ok = l.token()
	case json.Delim('['):
		for i := 0; l.d.More(); i++ {
			if !l.value(path + "[" + strconv.Itoa(i) + "]") {
				return false
			}
		}
		_, ok = l.token()
	}
	return ok
}
