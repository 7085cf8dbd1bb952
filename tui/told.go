package tui

import (
	"context"
	"iter"
)

// told is a piece of a long answer: how far it is, or at last the answer.
type told[T any] struct {
	done, total int64
	over        bool // v is the answer
	v           T
}

// tellFlow is the flow of a question whose answer takes long and that tells how
// far it is; it is given up when nobody listens any more.
func tellFlow[T any](a *app, ask func(ctx context.Context, tell func(done, total int64)) (T, error)) *flow[told[T]] {
	return openFlow(a, func(ctx context.Context) iter.Seq2[told[T], error] {
		return func(yield func(told[T], error) bool) {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			listening := true
			v, err := ask(ctx, func(done, total int64) {
				if listening && !yield(told[T]{done: done, total: total}, nil) {
					listening = false
					cancel()
				}
			})
			if listening {
				yield(told[T]{over: err == nil, v: v}, err)
			}
		}
	})
}
