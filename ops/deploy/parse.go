package deploy

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"midwatch/hosts/config"
)

// Fault is one thing wrong in a definition.
type Fault = config.Fault

// Faults is all that is wrong in a definition, in the order of its lines.
type Faults = config.Faults

const secretAdvice = `name its source in [secrets.NAME] and write ${secret.NAME}`

// Parse reads the text of a definition called name (used in faults and Definition.File). It never returns nil;
// with faults the Definition holds what could be understood and must not be run.
func Parse(name string, data []byte) (*Definition, Faults) {
	sum := sha256.Sum256(data)
	def := &Definition{File: name, Digest: hex.EncodeToString(sum[:]), Source: data}
	r, root := config.Read(name, data, secretAdvice)
	if root == nil {
		return def, r.Faults.Sorted()
	}
	def.lines = r.Lines
	p := &parser{decoder: decoder{Reader: r, in: -1}, def: def}
	p.head(root)
	p.vars(root)
	p.targets(root)
	p.lock(root)
	p.secrets(root)
	p.phases(root)
	p.hints(root)
	for _, t := range root.Each("step", "[[step]] tables") {
		def.Steps = append(def.Steps, p.step(t, nil))
	}
	root.Done()
	if len(def.Steps) == 0 && !root.Has("step") {
		p.Missing("", "no steps", "want at least one [[step]] with an id and a kind")
	}
	p.checkSteps()
	p.checkRefs()
	p.checkSinces()
	p.checkStray("", root.Layers[0].M)
	return def, r.Faults.Sorted()
}

// parser is the state of one Parse.
type parser struct {
	decoder
	def  *Definition
	flat []flatStep // every step, those of groups behind their group
}

func (p *parser) head(root *config.Table) {
	if n := root.Whole("schema", 0, 1<<30, 1, 1); n != 1 {
		p.Fault(config.Path("").At("schema"), fmt.Sprintf("schema is %d", n), "this version reads schema = 1")
	}
	p.def.Name = root.Str("name", "cortex-hub")
	p.def.Env = root.Str("env", "production")
	p.def.About = root.Str("about", "what it does, in a line")
	for _, h := range []struct{ key, value, example string }{{"name", p.def.Name, "cortex-hub"}, {"env", p.def.Env, "production"}} {
		switch why := config.BadName(h.value); {
		case !root.Has(h.key):
			p.Missing("", "no "+h.key, fmt.Sprintf("want %s = %q", h.key, h.example))
		case h.value != "" && (why != "" || strings.Contains(h.value, "..")):
			p.Fault(config.Path("").At(h.key), fmt.Sprintf("%s is %q", h.key, h.value), "want letters, digits, '-', '_' and '.': locks and directories are called so")
		}
	}
	p.def.OnFailure = cmp.Or(root.Word("on_failure", "offer-rollback", "rollback", "stop"), "offer-rollback")
}

func (p *parser) vars(root *config.Table) {
	p.def.Vars = map[string]string{}
	t, ok := root.Sub("vars", `a table such as { tag = "v1" }`)
	if !ok {
		return
	}
	maps.Copy(p.def.Vars, p.scalars(t.At(), t.Layers[0].M))
}

// scalars reads a table of values that become text.
func (p *parser) scalars(at config.Path, m map[string]any) map[string]string {
	out := map[string]string{}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		s, ok := scalar(m[k])
		switch {
		case !wordPattern.MatchString(k):
			p.Fault(at.At(k), fmt.Sprintf("%s: %q is no name", at, k), "want letters, digits, '_' and '-'")
		case !ok:
			p.WrongType(at.At(k), m[k], "text or a number")
		case strings.Contains(s, "${") || badByte(s) >= 0:
			p.Fault(at.At(k), fmt.Sprintf("%s holds an expression or a control character", at.At(k)), "values are taken as they are written; secrets go into [secrets.NAME]")
		default:
			out[k] = s
		}
	}
	return out
}

func (p *parser) targets(root *config.Table) {
	p.def.Targets = map[string]Target{}
	for _, n := range root.Named("targets") {
		t := p.Table(n.Layer)
		target := Target{
			Name: n.Name, Line: p.Line(n.At),
			Hosts: config.Texts(t.Strs("hosts", "web1")), Groups: config.Texts(t.Strs("groups", "edge")),
		}
		if vars, ok := t.Sub("host_vars", "tables such as web1 = { workers = 8 }"); ok {
			target.HostVars = p.hostVars(vars, &target)
		}
		if !t.Has("hosts") && !t.Has("groups") {
			p.Missing(n.At, fmt.Sprintf("target %q names no hosts", n.Name), `want hosts = ["web1"] or groups = ["edge"]`)
		}
		if h := repeated(target.Hosts); h != "" {
			p.Fault(n.At.At("hosts"), fmt.Sprintf("target %q names host %q twice", n.Name, h), "keep one of the two")
		}
		t.Done()
		p.def.Targets[n.Name] = target
	}
}

func (p *parser) hostVars(vars *config.Table, target *Target) map[string]map[string]string {
	out := map[string]map[string]string{}
	m := vars.Layers[0].M
	for _, host := range slices.Sorted(maps.Keys(m)) {
		at := vars.At().At(host)
		values, ok := m[host].(map[string]any)
		if !ok {
			p.WrongType(at, m[host], "a table such as { workers = 8 }")
			continue
		}
		if len(target.Groups) == 0 && !slices.Contains(target.Hosts, host) {
			p.unknown(at, fmt.Sprintf("host_vars are for %q, which is no host of target %q", host, target.Name), host, target.Hosts)
		}
		out[host] = p.scalars(at, values)
	}
	return out
}

func repeated(words []string) string {
	seen := map[string]bool{}
	for _, w := range words {
		if seen[w] {
			return w
		}
		seen[w] = true
	}
	return ""
}

// unknown reports a name that stands for nothing, with the one that was probably meant.
func (p *parser) unknown(at config.Path, what, word string, known []string) {
	meant := "there is none"
	if len(known) > 0 {
		meant = "known are " + config.List(slices.Sorted(slices.Values(known)))
	}
	if n := config.Nearest(word, known); n != "" {
		meant = fmt.Sprintf("did you mean %q?", n)
	}
	p.Missing(at, what, meant)
}

func (p *parser) lock(root *config.Table) {
	t, _ := root.Sub("lock", `a table such as { on = ["hub"], ttl = "90s" }`)
	p.def.Lock.TTL = t.Duration("ttl", 10*time.Second, time.Hour, 90*time.Second)
	for _, it := range t.Strs("on", "hub") {
		if _, ok := p.def.Targets[it.Text]; !ok {
			p.unknown(it.At, fmt.Sprintf("%s names the target %q, which is not defined", it.At, it.Text), it.Text, slices.Sorted(maps.Keys(p.def.Targets)))
		}
		p.def.Lock.On = append(p.def.Lock.On, it.Text)
	}
	t.Done()
}

func (p *parser) phases(root *config.Table) {
	p.def.Phases = map[string]string{}
	for _, t := range root.Each("phase", `[[phase]] tables with an id and a title`) {
		id, title := t.Str("id", "switch"), t.Str("title", "Switch")
		if id == "" {
			p.Missing(t.At(), t.At().String()+" has no id", `want id = "switch"`)
		}
		if _, dup := p.def.Phases[id]; dup {
			p.Fault(t.At(), fmt.Sprintf("phase %q is defined twice", id), "keep one of the two")
		}
		p.def.Phases[id] = cmp.Or(title, id)
		t.Done()
	}
}

func (p *parser) hints(root *config.Table) {
	for _, t := range root.Each("hint", `[[hint]] tables with match and say`) {
		h := Hint{Match: t.Str("match", "connection refused"), Say: t.Str("say", "restart cxb-core, not nginx")}
		if h.Match == "" || h.Say == "" {
			p.Missing(t.At(), t.At().String()+" has no match or says nothing", `want match = "…" and say = "…"`)
		}
		p.regex(t.At().At("match"), h.Match)
		p.def.Hints = append(p.def.Hints, h)
		t.Done()
	}
}
