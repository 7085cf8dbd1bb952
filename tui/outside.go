package tui

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"

	tea "charm.land/bubbletea/v2"

	"pabal/eml"
)

// editedMsg is what came back from the person's own editor.
type editedMsg struct {
	of   screen
	text string
	err  error
}

// outside edits a text in the editor that $EDITOR names, where it is set. The
// file is the person's alone and is removed afterwards.
func (s *templateEdit) outside(a *app) tea.Cmd {
	text, suffix := s.part().value(), ".txt"
	if s.at == editHTML {
		suffix = ".html"
	}
	words := strings.Fields(a.editor)
	return editOutside(s, words, text, suffix)
}

func (s *templateEdit) take(a *app, m editedMsg) {
	if m.err != nil {
		s.why = a.problem(m.err)
		return
	}
	f := s.part()
	f.keep("outside")
	past := f.past
	*f = newArea(m.text)
	f.past = past
}

// editOutside is bubbletea's Exec with a file that is written just before.
func editOutside(of screen, words []string, text, suffix string) tea.Cmd {
	e := &editing{words: words, text: text, suffix: suffix}
	return tea.Exec(e, func(err error) tea.Msg {
		if err != nil {
			err = &eml.Problem{What: "the editor ended with: " + err.Error(), Hint: "see what $EDITOR names, or edit here"} // without the error itself: an editor that is not there is no daemon that is not
		}
		return editedMsg{of, e.text, err}
	})
}

// editing is one run of an editor; a tea.ExecCommand.
type editing struct {
	words  []string
	text   string
	suffix string

	in       io.Reader
	out, err io.Writer
}

func (e *editing) SetStdin(r io.Reader)  { e.in = r }
func (e *editing) SetStdout(w io.Writer) { e.out = w }
func (e *editing) SetStderr(w io.Writer) { e.err = w }

// Run writes the file, runs the editor and reads the file again.
func (e *editing) Run() (err error) {
	f, err := os.CreateTemp("", "pabal-*"+e.suffix) // 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.WriteString(e.text)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	cmd := exec.Command(e.words[0], append(e.words[1:len(e.words):len(e.words)], f.Name())...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = e.in, e.out, e.err
	if err := cmd.Run(); err != nil {
		return err
	}
	return e.readBack(f.Name())
}

func (e *editing) readBack(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close() // only read
	text, err := io.ReadAll(io.LimitReader(f, maxArea+1))
	if err != nil {
		return err
	}
	if len(text) > maxArea {
		return errors.New("the text has more than 1 MB")
	}
	e.text = strings.TrimSuffix(string(text), "\n")
	return nil
}
