package step

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"midwatch/ops/deploy"
)

// maxUnits is how many units one step may name: more is a slip of the pen in a range.
const maxUnits = 500

var unitName = regexp.MustCompile(`^[A-Za-z0-9:_\\@][A-Za-z0-9:_.\\@-]*$`)

// expandUnits makes the names of units from what the settings say: "x@{1..3}.service" is three, "x@{a,b}" is
// two, and a name without a suffix is a service. The order is that of the settings.
func expandUnits(in []deploy.Text) ([]string, error) {
	var out []string
	seen := map[string]bool{}
	for _, t := range in {
		names, err := expandBraces(string(t))
		if err != nil {
			return nil, fmt.Errorf("units: %q: %w", t, err)
		}
		for _, n := range names {
			if n != "" && !hasUnitSuffix(n) {
				n += ".service"
			}
			if !unitName.MatchString(n) {
				return nil, fmt.Errorf("units: %q: %q is no name of a unit", t, n)
			}
			if !seen[n] {
				out = append(out, n)
			}
			seen[n] = true
		}
		if len(out) > maxUnits {
			return nil, fmt.Errorf("units: %q: more than %d units; name fewer in one step", t, maxUnits)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("units: none are named")
	}
	return out, nil
}

// expandBraces expands the first {…} of a text, and the rest by calling itself.
func expandBraces(s string) ([]string, error) {
	before, rest, ok := strings.Cut(s, "{")
	if !ok {
		return []string{s}, nil
	}
	inside, behind, ok := strings.Cut(rest, "}")
	if !ok {
		return nil, errors.New("a { without its }")
	}
	items, err := braceItems(inside)
	if err != nil {
		return nil, err
	}
	tails, err := expandBraces(behind)
	if err != nil {
		return nil, err
	}
	if len(items)*len(tails) > maxUnits {
		return nil, fmt.Errorf("more than %d names", maxUnits)
	}
	var out []string
	for _, i := range items {
		for _, t := range tails {
			out = append(out, before+i+t)
		}
	}
	return out, nil
}

func braceItems(inside string) ([]string, error) {
	from, to, ok := strings.Cut(inside, "..")
	if !ok {
		return strings.Split(inside, ","), nil
	}
	a, errA := strconv.Atoi(from)
	b, errB := strconv.Atoi(to)
	if errA != nil || errB != nil || a > b || a < 0 || b-a >= maxUnits {
		return nil, fmt.Errorf("{%s}: a range is two numbers, the smaller first, of at most %d", inside, maxUnits)
	}
	var out []string
	for i := a; i <= b; i++ {
		out = append(out, strconv.Itoa(i))
	}
	return out, nil
}

func hasUnitSuffix(n string) bool {
	for _, s := range []string{".service", ".socket", ".timer", ".target", ".path", ".mount", ".slice", ".scope", ".automount", ".swap"} {
		if strings.HasSuffix(n, s) {
			return true
		}
	}
	return false
}

// instanceOf is what stands between @ and the suffix: "3" of "x@3.service"; "" of a unit that is no instance.
func instanceOf(unit string) string {
	_, rest, ok := strings.Cut(unit, "@")
	if !ok {
		return ""
	}
	return rest[:max(strings.LastIndexByte(rest, '.'), 0)]
}

// templatesOf are the patterns of all instances of the templates that units are of: "x@*.service".
func templatesOf(units []string) []string {
	var out []string
	seen := map[string]bool{}
	for _, u := range units {
		name, rest, ok := strings.Cut(u, "@")
		if !ok {
			continue
		}
		p := name + "@*" + rest[max(strings.LastIndexByte(rest, '.'), 0):]
		if !seen[p] {
			out = append(out, p)
		}
		seen[p] = true
	}
	return out
}

// forUnit puts the unit's own words into a probe: ${unit.name} and ${unit.instance}.
func forUnit(p deploy.Probe, unit string) deploy.Probe {
	r := strings.NewReplacer("${unit.name}", unit, "${unit.instance}", instanceOf(unit))
	text := func(t deploy.Text) deploy.Text { return deploy.Text(r.Replace(string(t))) }
	p.HTTP, p.TCP, p.Dir, p.Log, p.Unit, p.Contains = text(p.HTTP), text(p.TCP), text(p.Dir), text(p.Log), text(p.Unit), text(p.Contains)
	argv := make([]deploy.Text, len(p.Argv))
	for i, a := range p.Argv {
		argv[i] = text(a)
	}
	p.Argv = argv
	json := make(map[string]deploy.Text, len(p.JSON))
	for k, v := range p.JSON {
		json[k] = text(v)
	}
	p.JSON = json
	return p
}
