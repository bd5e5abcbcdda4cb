package forms

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"midwatch/hosts"
)

// shortest is the length below which a text is not looked for: it would be found in everything.
const shortest = 4

// shortestLine is that of the lines of a secret that has several, like a key.
const shortestLine = 12

// shortestCode is that of base64, of which a few letters are in every word.
const shortestCode = 6

// LongestFirst orders forms so that where one begins with another the longer one is taken out whole.
func LongestFirst(forms []string) []string {
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	return slices.Compact(forms)
}

// Of returns the ways in which programs write secrets, as a vault looks for them: the longest first. A secret
// that is too short to be told from other text has none.
func Of(of []hosts.Secret) []string {
	var all []string
	for _, s := range of {
		all = append(all, One(s.Reveal())...)
	}
	return LongestFirst(all)
}

// One returns the ways in which programs write a secret: as it is and line by line, in base64 at each of the
// three places where it may begin inside of something longer (user:password), for URLs, in JSON, quoted for a
// shell or by Go, and in hex.
func One(secret string) []string {
	if len(secret) < shortest {
		return nil
	}
	out := []string{secret, url.QueryEscape(secret), url.PathEscape(secret), strings.ReplaceAll(secret, "'", `'\''`), strings.ReplaceAll(secret, "'", `'"'"'`)}
	if lines := strings.FieldsFunc(secret, func(c rune) bool { return c == '\n' || c == '\r' }); len(lines) > 1 {
		for _, l := range lines {
			if len(l) >= shortestLine {
				out = append(out, l)
			}
		}
	}
	if b, err := json.Marshal(secret); err == nil {
		out = append(out, string(b[1:len(b)-1]))
	}
	quoted := strconv.Quote(secret)
	out = append(out, quoted[1:len(quoted)-1])
	h := hex.EncodeToString([]byte(secret))
	out = append(out, h, strings.ToUpper(h))
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for lead := range 3 {
			if f := inside(enc, secret, lead); len(f) >= shortestCode {
				out = append(out, f)
			}
		}
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(f string) bool { return len(f) < shortest })
}

// inside is what of the base64 of a text depends on nothing else, when lead bytes modulo three stand before it:
// characters that share bits with what is around it are left out.
func inside(enc *base64.Encoding, text string, lead int) string {
	s := enc.EncodeToString(append(make([]byte, lead), text...))
	from := []int{0, 2, 3}[lead]
	to := len(s)
	if (lead+len(text))%3 != 0 {
		to-- // the last character has bits of what follows
	}
	if from >= to {
		return ""
	}
	return s[from:to]
}
