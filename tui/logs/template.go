package logs

import (
	"regexp"
	"strings"

	"midwatch/hosts"
	"midwatch/hosts/logline"
)

// hole stands in a template for what differs between lines that are the same otherwise.
const hole = '\x00'

// templateMost is how many bytes of a line its template is made of.
const templateMost = 400

// template is a text with its numbers, times, addresses and ids left out: what stays is what the program's
// author wrote. The status of an access log stays too, because it is what such a line is about.
func template(dst []byte, text string) []byte {
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		text = text[:i]
	}
	from := len(dst)
	for i := 0; i < len(text) && len(dst)-from < templateMost; {
		c := text[i]
		if !wordByte(c) {
			if c >= ' ' {
				dst = append(dst, c)
			}
			i++
			continue
		}
		end, digit := i, false
		for end < len(text) && wordByte(text[end]) {
			digit = digit || text[end] >= '0' && text[end] <= '9'
			end++
		}
		switch {
		case !digit, isStatus(text, i, end):
			dst = append(dst, text[i:end]...)
		default:
			dst = append(joined(dst, from), hole)
		}
		i = end
	}
	return dst
}

// wordByte reports bytes of names, numbers and ids; what is not ASCII is a letter of some language.
func wordByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c >= 0x80
}

// joined takes the sign off that joins a hole with the next one: the dots of an address, the colons of a
// clock, the dashes of an id.
func joined(dst []byte, from int) []byte {
	n := len(dst)
	if n > from && dst[n-1] == hole {
		return dst[:n-1]
	}
	if n-from >= 2 && dst[n-2] == hole && strings.IndexByte(".:-/,+", dst[n-1]) >= 0 {
		return dst[:n-2]
	}
	return dst
}

// isStatus reports three digits that are the status of a request: behind the quoted request, at the end of
// what an access log says, or behind a name that says so.
func isStatus(text string, i, end int) bool {
	if end-i != 3 || text[i] < '1' || text[i] > '5' || text[i+1] > '9' || text[i+2] > '9' {
		return false
	}
	before := text[max(0, i-12):i]
	if strings.HasSuffix(before, `" `) || end == len(text) && strings.HasSuffix(before, " ") {
		return true
	}
	before = strings.TrimRight(before, `=": `)
	return strings.HasSuffix(before, "status") || strings.HasSuffix(before, "code")
}

// messageOf is what a line says as far as its template is concerned: the message of an object or of pairs,
// the request and its status of an access log, what went wrong of an error log, the text of everything else.
func messageOf(r *logline.Record, text string, names *hosts.LogFields) (said string, structured bool) {
	nginx := len(text) > 24 && text[4] == '/' && text[7] == '/' && text[20] == '['
	if !nginx && !strings.HasPrefix(text, "{") && !strings.Contains(text, " HTTP/") && !strings.Contains(text, `msg=`) && names == nil {
		return text, false
	}
	logline.ParseAs(r, text, names)
	switch r.Format {
	case logline.JSON, logline.Logfmt, logline.Access, logline.Envoy, logline.NginxError:
		return r.Message, true
	}
	return text, false
}

// templateFilter is a template as a condition of the filter's language.
func templateFilter(t string, structured bool) string {
	var expr strings.Builder
	expr.WriteByte('^')
	for i, part := range strings.Split(strings.TrimRight(t, " "), string(rune(hole))) {
		if i > 0 {
			expr.WriteString(`\S+`)
		}
		expr.WriteString(regexp.QuoteMeta(part))
	}
	if structured {
		return `msg~"/` + strings.ReplaceAll(expr.String(), `"`, `\"`) + `/"`
	}
	return "/" + strings.ReplaceAll(expr.String(), "/", `\/`) + "/"
}
