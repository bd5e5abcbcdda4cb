package step

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// decodeJSON reads one JSON value; numbers keep their digits.
func decodeJSON(body []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, errors.New("the answer is not JSON")
	}
	if d.More() {
		return nil, errors.New("the answer is not one JSON value")
	}
	return v, nil
}

// jsonAt finds a value by its path: names and indexes joined by dots, "services.0.state", or with the index
// in brackets, "services[0].state". "" and "." are the whole value.
func jsonAt(v any, path string) (any, bool) {
	path = strings.NewReplacer("[", ".", "]", "").Replace(strings.TrimPrefix(path, "$"))
	for part := range strings.SplitSeq(path, ".") {
		if part == "" {
			continue
		}
		switch at := v.(type) {
		case map[string]any:
			next, ok := at[part]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(at) {
				return nil, false
			}
			v = at[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// jsonText is a value as an expectation or an output writes it: strings without quotes, everything else as
// compact JSON.
func jsonText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// jsonIs reports that a value is what an expectation says; numbers are equal by value.
func jsonIs(v any, want string) bool {
	if n, ok := v.(json.Number); ok {
		return numberIs(n, want)
	}
	return jsonText(v) == want
}

func numberIs(n json.Number, want string) bool {
	a, ok := new(big.Rat).SetString(n.String())
	b, ok2 := new(big.Rat).SetString(strings.TrimSpace(want))
	return ok && ok2 && a.Cmp(b) == 0
}

// jsonHolds reports that have says everything that want says: objects may have more keys, everything else is
// equal. It returns the path of the first difference.
func jsonHolds(have, want any, path string) (differs string) {
	switch w := want.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok {
			return orRoot(path)
		}
		for _, k := range sortedKeys(w) {
			v, ok := h[k]
			if !ok {
				return join(path, k)
			}
			if d := jsonHolds(v, w[k], join(path, k)); d != "" {
				return d
			}
		}
		return ""
	case []any:
		h, ok := have.([]any)
		if !ok || len(h) != len(w) {
			return orRoot(path)
		}
		for i := range w {
			if d := jsonHolds(h[i], w[i], join(path, strconv.Itoa(i))); d != "" {
				return d
			}
		}
		return ""
	case json.Number:
		if h, ok := have.(json.Number); ok && numberIs(h, w.String()) {
			return ""
		}
		return orRoot(path)
	default:
		if have == want {
			return ""
		}
		return orRoot(path)
	}
}

// jsonSame reports that two bodies say the same: as JSON when both are, byte by byte otherwise.
func jsonSame(a, b []byte) bool {
	va, err := decodeJSON(a)
	vb, err2 := decodeJSON(b)
	if err != nil || err2 != nil {
		return bytes.Equal(a, b)
	}
	return jsonHolds(va, vb, "") == "" && jsonHolds(vb, va, "") == ""
}

func join(path, part string) string {
	if path == "" {
		return part
	}
	return path + "." + part
}

func orRoot(path string) string {
	if path == "" {
		return "."
	}
	return path
}
