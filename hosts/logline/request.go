package logline

import "strings"

// RequestID returns the field that names the request a line belongs to, the surest first: a trace id
// that every service shares, then the ids that proxies hand on, then those of one program.
func RequestID(r *Record) (Field, bool) {
	best, rank := Field{}, len(requestNames)
	for _, f := range r.Fields {
		if n, ok := requestRank(f.Name); ok && n < rank && plausibleID(f.Value) {
			best, rank = f, n
		}
	}
	return best, rank < len(requestNames)
}

// requestNames are the names of such fields without separators and prefixes, in lower case.
var requestNames = [...]string{
	"traceid", "requestid", "correlationid", "reqid", "rid", "xrequestid", "transactionid", "jid", "callid", "sessionid",
}

func requestRank(name string) (int, bool) {
	if i := strings.LastIndexByte(name, '.'); i >= 0 && !strings.EqualFold(name[i+1:], "id") {
		name = name[i+1:]
	}
	var b strings.Builder
	for i := range len(name) {
		if c := name[i]; c != '_' && c != '-' && c != '.' {
			if c >= 'A' && c <= 'Z' {
				c += 'a' - 'A'
			}
			b.WriteByte(c)
		}
	}
	key := strings.TrimPrefix(b.String(), "http")
	for i, n := range requestNames {
		if key == n {
			return i, true
		}
	}
	if key == "traceparent" {
		return 0, true
	}
	return 0, false
}

// plausibleID refuses what cannot name one request among many.
func plausibleID(s string) bool {
	if len(s) < 6 || len(s) > 128 || strings.ContainsAny(s, " \t\"") {
		return false
	}
	return strings.Trim(s, "0-") != ""
}

// Follow is the text that the lines of a request have in common: the id itself, or the trace id
// within a traceparent (W3C Trace Context: version-traceid-parentid-flags).
func Follow(f Field) string {
	if parts := strings.Split(f.Value, "-"); len(parts) == 4 && len(parts[0]) == 2 && len(parts[1]) == 32 {
		return parts[1]
	}
	return f.Value
}

// FindID returns the text in a line that looks most like the id of a request, for lines whose format
// names none: a UUID, or a long hexadecimal word. ok is false when there is none.
func FindID(text string) (id string, ok bool) {
	for from := 0; from < len(text); {
		n := 0
		for from+n < len(text) && idByte(text[from+n]) {
			n++
		}
		if n == 0 {
			from++
			continue
		}
		w := text[from : from+n]
		from += n
		if isUUID(w) || len(w) == 16 || len(w) == 32 {
			if hexDigits := strings.Trim(strings.ToLower(w), "0123456789abcdef-"); hexDigits == "" && plausibleID(w) && strings.ContainsAny(w, "0123456789") {
				return w, true
			}
		}
	}
	return "", false
}

func idByte(c byte) bool {
	return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '-'
}
