package compose

import "strings"

// merge lays b over a as docker compose does for the value at path; neither is changed.
func merge(a, b *Value, path []string) *Value {
	switch {
	case a == nil || b.tag == "!override":
		return stripped(b)
	case b.Kind == Null && len(path) > 0:
		return a
	case replaced(path):
		return stripped(b)
	case keyed(path):
		return merge2(keyedMap(a), keyedMap(b), path)
	}
	return merge2(a, b, path)
}

// merge2 merges two values of the same form; of different forms, the later wins.
func merge2(a, b *Value, path []string) *Value {
	switch {
	case a.Kind == Map && b.Kind == Map:
		out := &Value{Kind: Map, Pos: a.Pos, KeyPos: a.KeyPos, Keys: append([]string(nil), a.Keys...), Items: append([]*Value(nil), a.Items...)}
		for i, k := range b.Keys {
			x := b.Items[i]
			if x.tag == "!reset" {
				out.remove(k)
				continue
			}
			out.set(k, merge(out.Get(k), x, append(path[:len(path):len(path)], k)))
		}
		return out
	case a.Kind == List && b.Kind == List:
		return mergeLists(a, b, path)
	}
	return stripped(b)
}

// stripped takes what is under !reset out of a value that stands alone.
func stripped(v *Value) *Value {
	if v == nil || v.Kind != Map {
		return v
	}
	out := &Value{Kind: Map, Pos: v.Pos, KeyPos: v.KeyPos}
	for i, k := range v.Keys {
		if v.Items[i].tag != "!reset" {
			out.Keys, out.Items = append(out.Keys, k), append(out.Items, stripped(v.Items[i]))
		}
	}
	return out
}

// at reports that a path is services.*.KEYS.
func at(path []string, keys ...string) bool {
	if len(path) != len(keys)+2 || path[0] != "services" {
		return false
	}
	for i, k := range keys {
		if k != "*" && path[i+2] != k {
			return false
		}
	}
	return true
}

// replaced are values that a later file replaces as a whole.
func replaced(path []string) bool {
	return at(path, "command") || at(path, "entrypoint") || at(path, "healthcheck", "test")
}

// keyed are values that may be written as a list or as a mapping, and merge by key.
func keyed(path []string) bool {
	return at(path, "environment") || at(path, "labels") || at(path, "depends_on") || at(path, "networks") ||
		at(path, "build", "args") || at(path, "build", "labels") || at(path, "deploy", "labels") || at(path, "sysctls") ||
		at(path, "extra_hosts") || len(path) == 3 && (path[0] == "volumes" || path[0] == "networks") && path[2] == "labels"
}

// keyedMap turns "A=1" and bare names into a mapping.
func keyedMap(v *Value) *Value {
	if v.Kind != List {
		return v
	}
	out := &Value{Kind: Map, Pos: v.Pos, KeyPos: v.KeyPos}
	for _, x := range v.Items {
		k, val, ok := strings.Cut(x.Text, "=")
		raw := x.Raw
		if i := strings.IndexByte(raw, '='); i >= 0 {
			raw = raw[i+1:]
		}
		item := &Value{Kind: Scalar, Pos: x.Pos, KeyPos: x.Pos, Text: val, Raw: raw}
		if !ok {
			item = &Value{Kind: Null, Pos: x.Pos, KeyPos: x.Pos}
		}
		out.set(k, item)
	}
	return out
}

// mergeLists appends; what has the same identity in both is the later one's, in the earlier place.
func mergeLists(a, b *Value, path []string) *Value {
	out := &Value{Kind: List, Pos: a.Pos, KeyPos: a.KeyPos, Items: append([]*Value(nil), a.Items...)}
	for _, x := range b.Items {
		id := identity(x, path)
		found := false
		for i, y := range out.Items {
			if id != "" && identity(y, path) == id {
				out.Items[i], found = merge2(y, x, nil), true
				break
			}
		}
		if !found {
			out.Items = append(out.Items, x)
		}
	}
	return out
}

// identity is what docker compose tells entries of a list apart by.
func identity(v *Value, path []string) string {
	switch {
	case at(path, "ports"):
		ps := portsOf(v)
		var ids []string
		for _, p := range ps {
			ids = append(ids, p.String())
		}
		return strings.Join(ids, ",")
	case at(path, "volumes"), at(path, "configs"), at(path, "secrets"):
		return mountOf(v).Target
	case at(path, "devices"):
		return v.Str()
	case v.Kind == Scalar && (at(path, "expose") || at(path, "env_file") || at(path, "profiles") || at(path, "cap_add") || at(path, "cap_drop") || at(path, "dns")):
		return v.Text
	}
	return ""
}
