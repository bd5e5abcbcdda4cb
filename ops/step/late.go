package step

// Late is implemented by kinds whose undo takes effect of files that other steps put back: a unit that is
// restarted over a release, a container that is made again from a compose file. A rollback runs their undo
// after that of all other steps of a host, among themselves in reverse order, so that what starts again
// starts with the old files. It is asked of the settings as the definition has them, not filled in.
type Late interface {
	Late(settings any) bool
}

// IsLate reports whether the undo of a step of this kind waits for that of the others.
func IsLate(k Kind, settings any) bool {
	l, ok := k.(Late)
	return ok && l.Late(settings)
}
