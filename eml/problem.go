package eml

// Problem is an error a person reads: what happened and what to do about it.
// It lives here because eml is the one package all others may import. Pass it
// as a pointer; find it with errors.As. The command line prints What and Hint
// on two lines, or as "error" and "hint" with --json.
type Problem struct {
	What string   // what happened, lower case, no full stop
	Hint string   // what to do; "" when there is nothing to advise
	Code string   // a stable word for it, for whoever says it in another language; "" for none
	Args []string // what of the case such a text names, in the order the code's owner says
	Err  error    // the cause, for errors.Is; may be nil; not part of the text
}

// Error is What alone.
func (p *Problem) Error() string { return p.What }

// Unwrap is the cause.
func (p *Problem) Unwrap() error { return p.Err }
