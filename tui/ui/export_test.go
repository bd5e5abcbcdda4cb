package ui

// Renders returns how many rows the table has rendered since it was made.
func Renders[T any](t *Table[T]) int { return t.renders }
