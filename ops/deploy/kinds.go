package deploy

import (
	"maps"
	"reflect"
	"slices"
)

// kind is what the parser knows of a kind of step.
type kind struct {
	settings any // a zero struct
	// host says that the step works on a host: it names a target, or local = true for the operator's machine.
	host bool
	// check looks at what was written; nil where the rules of the fields are enough.
	check func(c *checker)
}

// kindTable are the kinds of steps. It is a function so that checks can name it.
func kindTable() map[string]kind {
	return map[string]kind{
		"check":     {Check{}, true, nil},
		"snapshot":  {Snapshot{}, true, nil},
		"command":   {Command{}, true, nil},
		"file":      {File{}, true, (*checker).file},
		"sync":      {Sync{}, true, (*checker).sync},
		"swap":      {Swap{}, true, nil},
		"compose":   {Compose{}, true, (*checker).compose},
		"container": {Container{}, true, nil},
		"systemd":   {Systemd{}, true, (*checker).systemd},
		"nginx":     {Nginx{}, true, (*checker).nginx},
		"drain":     {DrainStep{}, true, (*checker).drain},
		"gate":      {Gate{}, false, (*checker).gate},
		"verify":    {Gate{}, false, (*checker).verify},
		"wait":      {Wait{}, false, (*checker).wait},
		"migrate":   {Migrate{}, true, (*checker).migrate},
		"approve":   {Approve{}, false, (*checker).approve},
		"http":      {HTTP{}, false, (*checker).http},
		"envoy":     {Envoy{}, false, (*checker).envoy},
		"notify":    {Notify{}, false, (*checker).notify},
		"retain":    {Retain{}, true, nil},
		"group":     {Group{}, true, nil},
	}
}

// Kinds are the names of the kinds of steps, in order.
func Kinds() []string { return slices.Sorted(maps.Keys(kindTable())) }

// NewSettings returns a pointer to the empty settings of a kind, nil for a kind that does not exist.
func NewSettings(name string) any {
	k, ok := kindTable()[name]
	if !ok {
		return nil
	}
	return reflect.New(reflect.TypeOf(k.settings)).Interface()
}
