package ui

// Scroll is the arithmetic of a cursor in a list of which Height rows are seen. Every method leaves
// the cursor inside the list and in sight.
type Scroll struct {
	Cursor, Offset int
	Len, Height    int
}

// Move shifts the cursor.
func (s *Scroll) Move(by int) { s.To(s.Cursor + by) }

// To puts the cursor on row i, as near as there are rows.
func (s *Scroll) To(i int) {
	s.Cursor = max(0, min(i, s.Len-1))
	s.Clamp()
}

// Page shifts the cursor by n screens, keeping one row for orientation.
func (s *Scroll) Page(n int) { s.Move(n * max(1, s.Height-1)) }

// Wheel shifts what is seen; the cursor follows only when it would leave the sight.
func (s *Scroll) Wheel(by int) {
	s.Offset = max(0, min(s.Offset+by, s.Len-s.Height))
	s.Cursor = max(s.Offset, min(s.Cursor, s.Offset+max(1, s.Height)-1))
	s.Cursor = max(0, min(s.Cursor, s.Len-1))
}

// Clamp repairs the cursor and offset after Len or Height changed.
func (s *Scroll) Clamp() {
	s.Cursor = max(0, min(s.Cursor, s.Len-1))
	h := max(1, s.Height)
	s.Offset = max(0, min(s.Offset, s.Len-h))
	if s.Cursor < s.Offset {
		s.Offset = s.Cursor
	}
	if s.Cursor >= s.Offset+h {
		s.Offset = s.Cursor - h + 1
	}
}
