package deploy

import (
	"fmt"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"midwatch/hosts/config"
)

// hasRule reports whether the rule of a field holds a word.
func hasRule(f reflect.StructField, word string) bool {
	return slices.Contains(strings.Split(f.Tag.Get("rule"), ","), word)
}

// ruleValue is what stands behind "name=" in the rule of a field.
func ruleValue(f reflect.StructField, name string) (string, bool) {
	for w := range strings.SplitSeq(f.Tag.Get("rule"), ",") {
		if v, ok := strings.CutPrefix(w, name+"="); ok {
			return v, true
		}
	}
	return "", false
}

func minimum(f reflect.StructField) (int, bool) {
	v, ok := ruleValue(f, "min")
	n, _ := strconv.Atoi(v)
	return n, ok
}

// example is what a field may look like.
func example(f reflect.StructField) string {
	if words, ok := ruleValue(f, "oneof"); ok {
		return strconv.Quote(firstWord(words))
	}
	if e, ok := examples[f.Tag.Get("toml")]; ok {
		return e
	}
	switch f.Type.Kind() {
	case reflect.Slice:
		return `["…"]`
	default:
		return `"…"`
	}
}

func firstWord(words string) string {
	w, _, _ := strings.Cut(words, "|")
	return w
}

// examples are values of keys that are needed.
var examples = map[string]string{
	"argv": `["make", "release"]`, "from": `"./"`, "to": `"/srv/app"`, "link": `"/srv/app/current"`, "dst": `"/etc/app/app.conf"`,
	"url": `"https://api.example.com/"`, "path": `"/var/lib/docker"`, "port": `8002`, "name": `"web"`, "success": `["done"]`, "mode": `"0644"`,
}

var (
	sizePattern   = regexp.MustCompile(`^[0-9]+(\.[0-9]+)? ?([KMGT]i?)?B?$`)
	modePattern   = regexp.MustCompile(`^0?[0-7]{3,4}$`)
	signalPattern = regexp.MustCompile(`^(SIG)?[A-Z][A-Z0-9+-]*$`)
	methodPattern = regexp.MustCompile(`^[A-Z]{3,10}$`)
	wasPattern    = regexp.MustCompile(`^([0-9a-f]{64}|absent)$`)
)

// shapes are the rules that are a pattern, with what is wanted.
var shapes = []struct {
	word    string
	pattern *regexp.Regexp
	want    string
}{
	{"size", sizePattern, `want a size such as "6GiB"`},
	{"mode", modePattern, `want octal permissions such as "0644"`},
	{"signal", signalPattern, `want a signal such as "USR2"`},
	{"method", methodPattern, `want a method such as "POST"`},
	{"was", wasPattern, `want a SHA-256 in hex, or "absent"`},
}

// check holds a text against the rule of its field.
func (d *decoder) check(at config.Path, s string, f reflect.StructField) {
	if hasRule(f, "need") && strings.TrimSpace(s) == "" {
		d.Fault(at, at.String()+" is empty", fmt.Sprintf("want %s = %s", f.Tag.Get("toml"), example(f)))
		return
	}
	if words, ok := ruleValue(f, "oneof"); ok {
		d.oneOf(at, s, strings.Split(words, "|"))
	}
	for _, shape := range shapes {
		if hasRule(f, shape.word) && !shape.pattern.MatchString(s) {
			d.Fault(at, fmt.Sprintf("%s is %q", at, s), shape.want)
		}
	}
	switch {
	case hasRule(f, "regex"):
		d.regex(at, s)
	case hasRule(f, "output"):
		if !strings.HasPrefix(s, "json:") {
			if re := d.regex(at, s); re != nil && re.NumSubexp() != 1 {
				d.Fault(at, fmt.Sprintf("%s has %d groups", at, re.NumSubexp()), `want one group around the value, or "json:KEY"`)
			}
		}
	case hasRule(f, "ranges"):
		// What holds an expression is known when it was expanded.
		if _, err := Ranges(s); err != nil && !strings.Contains(s, "${") {
			d.Fault(at, fmt.Sprintf("%s: %s", at, firstPart(err)), secondPart(err))
		}
	case hasRule(f, "abs"):
		d.absolute(at, s)
	}
}

func (d *decoder) oneOf(at config.Path, s string, words []string) {
	if slices.Contains(words, s) {
		return
	}
	meant := "want one of " + config.List(words)
	if n := config.Nearest(s, words); n != "" {
		meant = fmt.Sprintf("did you mean %q?", n)
	}
	d.Fault(at, fmt.Sprintf("%s is %q", at, s), meant)
}

func (d *decoder) regex(at config.Path, s string) *regexp.Regexp {
	re, err := regexp.Compile(s)
	if err != nil {
		why := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
		d.Fault(at, fmt.Sprintf("%s is no regular expression (%s)", at, strconv.QuoteToGraphic(why)), "want RE2 syntax, in single quotes")
	}
	return re
}

// absolute wants a path on a host that begins at the root; one that begins with an expression is looked at
// by the step.
func (d *decoder) absolute(at config.Path, s string) {
	if strings.HasPrefix(s, "${") {
		return
	}
	if !path.IsAbs(s) || path.Clean(s) != strings.TrimSuffix(s, "/") && s != "/" {
		d.Fault(at, fmt.Sprintf("%s is %q", at, s), `want an absolute path without "..", such as "/srv/app"`)
	}
}
