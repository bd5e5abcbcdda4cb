package checktest

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"midwatch/hosts"
)

var now = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// Now is the moment of every sample.
func Now() time.Time { return now }

// Facts reads the facts of a host from YAML.
func Facts(name, text string) (*hosts.HostFacts, error) {
	f := &hosts.HostFacts{Host: hosts.Host{Name: name, Kind: hosts.KindSSH}, Link: hosts.Link{State: hosts.StateConnected}, Latest: now}
	v := reflect.ValueOf(f).Elem()
	for i := range v.NumField() {
		if part := v.Field(i); isPart(part.Type()) {
			setPart(part, v.Type().Field(i).Name)
		}
	}
	var raw map[string]any
	if err := yaml.Unmarshal([]byte(text), &raw); err != nil {
		return nil, fmt.Errorf("facts of %s: %w", name, err)
	}
	for k, x := range raw {
		field := fieldOf(v, k)
		if !field.IsValid() {
			return nil, fmt.Errorf("facts of %s: no part %q", name, k)
		}
		if isPart(field.Type()) {
			if reason, ok := x.(string); ok {
				field.SetZero()
				field.FieldByName("Reason").SetString(reason)
				field.FieldByName("Tried").Set(reflect.ValueOf(now))
				continue
			}
			field = field.FieldByName("Value")
		}
		if err := assign(field, x); err != nil {
			return nil, fmt.Errorf("facts of %s: %s: %w", name, k, err)
		}
	}
	f.System.Value.Disks = f.Disks.Value
	return f, nil
}

// askedFacts reads what live probes were answered, from YAML.
func askedFacts(snap *hosts.Snapshot, text []byte) error {
	var raw any
	if err := yaml.Unmarshal(text, &raw); err != nil {
		return fmt.Errorf("asked.yml: %w", err)
	}
	if err := assign(reflect.ValueOf(&snap.Asked).Elem(), raw); err != nil {
		return fmt.Errorf("asked.yml: %w", err)
	}
	return nil
}

func isPart(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && strings.HasPrefix(t.Name(), "Part[")
}

func setPart(p reflect.Value, name string) {
	p.FieldByName("Source").SetString("sample " + strings.ToLower(name))
	p.FieldByName("At").Set(reflect.ValueOf(now))
	p.FieldByName("Tried").Set(reflect.ValueOf(now))
}

func fieldOf(v reflect.Value, name string) reflect.Value {
	return v.FieldByNameFunc(func(s string) bool { return strings.EqualFold(s, name) })
}

// assign puts a value of YAML into a value of ours.
func assign(v reflect.Value, x any) error {
	if x == nil {
		return nil
	}
	switch v.Type() {
	case reflect.TypeFor[time.Time]():
		return assignTime(v, x)
	case reflect.TypeFor[time.Duration]():
		d, err := time.ParseDuration(fmt.Sprint(x))
		v.SetInt(int64(d))
		return err
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return assign(v.Elem(), x)
	case reflect.Struct:
		m, ok := x.(map[string]any)
		if !ok {
			return fmt.Errorf("want a mapping, have %v", x)
		}
		for k, y := range m {
			f := fieldOf(v, k)
			if !f.IsValid() {
				return fmt.Errorf("%s has no field %q", v.Type(), k)
			}
			if err := assign(f, y); err != nil {
				return fmt.Errorf("%s: %w", k, err)
			}
		}
	case reflect.Slice, reflect.Array:
		list, ok := x.([]any)
		if !ok {
			return fmt.Errorf("want a list, have %v", x)
		}
		if v.Kind() == reflect.Slice {
			v.Set(reflect.MakeSlice(v.Type(), len(list), len(list)))
		}
		for i, y := range list {
			if err := assign(v.Index(i), y); err != nil {
				return fmt.Errorf("[%d]: %w", i, err)
			}
		}
	case reflect.Map:
		m, ok := x.(map[string]any)
		if !ok {
			return fmt.Errorf("want a mapping, have %v", x)
		}
		v.Set(reflect.MakeMap(v.Type()))
		for k, y := range m {
			e := reflect.New(v.Type().Elem()).Elem()
			if err := assign(e, y); err != nil {
				return fmt.Errorf("%s: %w", k, err)
			}
			v.SetMapIndex(reflect.ValueOf(k), e)
		}
	default:
		return assignScalar(v, fmt.Sprint(x))
	}
	return nil
}

func assignTime(v reflect.Value, x any) error {
	if t, ok := x.(time.Time); ok {
		v.Set(reflect.ValueOf(t))
		return nil
	}
	s := fmt.Sprint(x)
	if d, err := time.ParseDuration(s); err == nil {
		v.Set(reflect.ValueOf(now.Add(d)))
		return nil
	}
	t, err := time.Parse(time.RFC3339, s)
	v.Set(reflect.ValueOf(t))
	return err
}

func assignScalar(v reflect.Value, s string) error {
	switch {
	case v.Kind() == reflect.String:
		v.SetString(s)
	case v.Kind() == reflect.Bool:
		b, err := strconv.ParseBool(s)
		v.SetBool(b)
		return err
	case v.CanInt():
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return assignNamed(v, s)
		}
		v.SetInt(n)
	case v.CanUint():
		n, err := strconv.ParseUint(s, 10, 64)
		v.SetUint(n)
		return err
	case v.CanFloat():
		n, err := strconv.ParseFloat(s, 64)
		v.SetFloat(n)
		return err
	default:
		return fmt.Errorf("no way to make a %s", v.Type())
	}
	return nil
}

// assignNamed finds the value of an enumeration by what its String gives.
func assignNamed(v reflect.Value, s string) error {
	for i := range int64(32) {
		v.SetInt(i)
		if n, ok := v.Interface().(fmt.Stringer); ok && n.String() == s {
			return nil
		}
	}
	return fmt.Errorf("%q is no %s", s, v.Type())
}
