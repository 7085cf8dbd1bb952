package tui

import (
	"context"
	"iter"
	"time"

	tea "charm.land/bubbletea/v2"
)

// flow is a long answer that comes in pieces: a goroutine ranges over it until
// it ends or nobody wants it any more.
type flow[T any] struct {
	pieces chan flowMsg[T]
	gone   <-chan struct{} // closed when nothing comes any more
	cancel context.CancelFunc
}

type flowMsg[T any] struct {
	of    *flow[T]
	piece T
	err   error
	end   bool // the last message; neither piece nor err
}

// openFlow begins one; it reads on as next asks.
func openFlow[T any](a *app, ask func(context.Context) iter.Seq2[T, error]) *flow[T] {
	ctx, cancel := context.WithCancel(a.ctx)
	f := &flow[T]{pieces: make(chan flowMsg[T]), gone: ctx.Done(), cancel: cancel}
	a.wait.Go(func() {
		defer cancel()
		send := func(m flowMsg[T]) bool {
			select {
			case f.pieces <- m:
				return true
			case <-ctx.Done():
				return false
			}
		}
		for v, err := range ask(ctx) {
			if !send(flowMsg[T]{of: f, piece: v, err: err}) || err != nil {
				break
			}
		}
		send(flowMsg[T]{of: f, end: true})
	})
	return f
}

// next waits for one piece.
func (f *flow[T]) next() tea.Cmd {
	return func() tea.Msg {
		select {
		case m := <-f.pieces:
			if m.end {
				return m // says nothing of the connection
			}
			return reply{m, m.err}
		case <-f.gone:
			return nil
		}
	}
}

// stop ends it, if there is one.
func (f *flow[T]) stop() {
	if f != nil {
		f.cancel()
	}
}

// turn is the place of a question that may be asked anew before it is
// answered: asking again gives up the one before, and only the newest answer
// counts.
type turn struct {
	n    int
	busy bool
	end  context.CancelFunc
}

type answer[T any] struct {
	of  *turn
	n   int
	v   T
	err error
}

// stop gives up what was asked; its answer will not count.
func (t *turn) stop() {
	t.n++
	t.busy = false
	if t.end != nil {
		t.end()
	}
}

// askTurn asks the daemon in a command; the answer comes as an answer[T].
func askTurn[T any](a *app, t *turn, limit time.Duration, ask func(context.Context) (T, error)) tea.Cmd {
	t.stop()
	ctx, cancel := context.WithTimeout(a.ctx, limit)
	t.busy, t.end = true, cancel
	n := t.n
	return func() tea.Msg {
		defer cancel()
		v, err := ask(ctx)
		if err != nil && ctx.Err() == context.Canceled {
			return nil // nobody waits for it
		}
		return reply{answer[T]{t, n, v, err}, err}
	}
}

// mine reports whether an answer is the one waited for, and ends the waiting.
func (m answer[T]) mine(t *turn) bool {
	if m.of != t || m.n != t.n {
		return false
	}
	t.busy = false
	return true
}

// shown is what a screen shows of the daemon: the newest answer, or why there
// is none. What was there stays when the connection breaks.
type shown[T any] struct {
	turn turn
	now  T
	have bool
	why  string // what the daemon said no with
}

// take keeps an answer, and reports whether it was the one waited for.
func (s *shown[T]) take(a *app, m answer[T]) bool {
	if !m.mine(&s.turn) {
		return false
	}
	switch {
	case m.err == nil:
		s.now, s.have, s.why = m.v, true, ""
	case !offline(m.err):
		s.why = a.problem(m.err)
	}
	return true
}

// lost reports whether there is nothing to show and no question on its way:
// the next tick asks anew.
func (s *shown[T]) lost() bool { return !s.have && !s.turn.busy }

func (s *shown[T]) leave() { s.turn.stop() }
