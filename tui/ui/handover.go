package ui

import tea "github.com/charmbracelet/bubbletea"

// HandOver returns a command that gives the terminal to a program until it ends, and takes the mouse
// back then: the library gives the mouse away with the terminal and forgets it afterwards. ended
// makes the message that brings the program's error.
func HandOver(c tea.ExecCommand, ended func(error) tea.Msg) tea.Cmd {
	// The loop is inside the first message while the program runs, so the second one comes after it.
	return tea.Sequence(tea.Exec(c, ended), tea.EnableMouseCellMotion)
}
