package hosts

// LogFields names the fields in which the structured lines of a source have their time, level, message and
// request, where its program calls them something else than most do. The names of nested objects are joined
// with dots. Of several names the first that a line has counts; where a line has none of them, and for what
// is not named here, the names in common use count.
type LogFields struct{ Time, Level, Message, Request []string }

// Over is f with the names of under for what f names nothing for; either may be nil. It is nil when
// nothing is named.
func (f *LogFields) Over(under *LogFields) *LogFields {
	switch {
	case f.empty() && under.empty():
		return nil
	case f.empty():
		return under
	case under.empty():
		return f
	}
	out := *f
	for _, x := range [...]struct{ to, from *[]string }{
		{&out.Time, &under.Time}, {&out.Level, &under.Level}, {&out.Message, &under.Message}, {&out.Request, &under.Request},
	} {
		if len(*x.to) == 0 {
			*x.to = *x.from
		}
	}
	return &out
}

func (f *LogFields) empty() bool {
	return f == nil || len(f.Time)+len(f.Level)+len(f.Message)+len(f.Request) == 0
}
