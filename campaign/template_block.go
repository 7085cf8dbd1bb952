package campaign

// block runs one side of a block.
func (r *runner) block(b *block, start int) error {
	v := r.eval(b.arg)
	switch b.call {
	case "if":
		return r.branch(b, truth(v), start)
	case "unless":
		return r.branch(b, !truth(v), start)
	case "each":
		return r.each(b, r.open(v), start)
	case "with":
		if v = r.open(v); !truth(v) {
			return r.run(b.orElse, start)
		}
		return r.inside(b, v, nil, start)
	}
	if list, ok := r.open(v).([]any); ok && len(list) > 0 {
		return r.each(b, list, start)
	}
	if !truth(v) {
		return r.run(b.orElse, start)
	}
	return r.inside(b, r.open(v), nil, start)
}

func (r *runner) branch(b *block, yes bool, start int) error {
	if yes {
		return r.run(b.body, start)
	}
	return r.run(b.orElse, start)
}

// each runs the body for every item of a list, or every key of an object in
// alphabetical order; the else side when there is none.
func (r *runner) each(b *block, v any, start int) error {
	if !truth(v) {
		return r.run(b.orElse, start)
	}
	switch v := v.(type) {
	case []any:
		for i, item := range v {
			if err := r.round(b, item, i, len(v), i, start); err != nil {
				return err
			}
		}
	case map[string]any:
		names := keys(v)
		for i, name := range names {
			if err := r.round(b, v[name], i, len(names), name, start); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *runner) round(b *block, item any, i, n int, key any, start int) error {
	if r.steps++; r.steps > maxSteps {
		return errSteps
	}
	r.frames = append(r.frames, frame{"index": i, "key": key, "first": i == 0, "last": i == n-1})
	defer func() { r.frames = r.frames[:len(r.frames)-1] }()
	return r.inside(b, item, key, start)
}

// inside runs the body with v as its context, under the names of as |…|.
func (r *runner) inside(b *block, v, key any, start int) error {
	r.context = append(r.context, v)
	defer func() { r.context = r.context[:len(r.context)-1] }()
	if len(b.params) > 0 {
		bound := map[string]any{b.params[0]: v}
		if len(b.params) > 1 && key != nil {
			bound[b.params[1]] = key
		}
		r.binds = append(r.binds, bound)
		defer func() { r.binds = r.binds[:len(r.binds)-1] }()
	}
	return r.run(b.body, start)
}
