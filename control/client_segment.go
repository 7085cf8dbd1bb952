package control

import (
	"context"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"pabal/audience"
)

// Count says how many a segment selects and how many of them may be mailed: the
// numbers a start would freeze.
func (c *Client) Count(ctx context.Context, segment, topic string) (audience.Count, error) {
	return get[audience.Count](ctx, c, "/v0/segment/count", url.Values{"segment": {segment}, "topic": {topic}})
}

// CountTold is Count that says now and then how many subscribers were looked
// at. The daemon stops counting when ctx ends.
func (c *Client) CountTold(ctx context.Context, segment, topic string, tell func(done, total int64)) (audience.Count, error) {
	q := url.Values{"segment": {segment}, "topic": {topic}}
	for line, err := range list[CountLine](ctx, c, http.MethodGet, "/v0/segment/count/watch", q, nil) {
		switch {
		case err != nil:
			return audience.Count{}, err
		case line.Result != nil:
			return *line.Result, nil
		case line.Progress != nil:
			tell(line.Progress.Done, line.Progress.Total)
		}
	}
	return audience.Count{}, broken(io.ErrUnexpectedEOF)
}

// Explain says why a segment, and what may not be mailed, leave one subscriber
// in or out; by id, or by e-mail when id is zero. audience.ErrNotFound.
func (c *Client) Explain(ctx context.Context, segment, topic, email string, id uint64) (audience.Explanation, error) {
	q := url.Values{"segment": {segment}, "topic": {topic}, "email": {email}}
	if id != 0 {
		q.Set("id", strconv.FormatUint(id, 10))
	}
	return get[audience.Explanation](ctx, c, "/v0/segment/explain", q)
}

// SegmentFields are all that a condition can be about.
func (c *Client) SegmentFields(ctx context.Context) ([]audience.Field, error) {
	return collect(list[audience.Field](ctx, c, http.MethodGet, "/v0/segment/fields", nil, nil))
}

// SegmentValues are what exists in a field, the most frequent first; limit zero
// is 100.
func (c *Client) SegmentValues(ctx context.Context, field, attribute string, limit int) (audience.FieldValues, error) {
	return get[audience.FieldValues](ctx, c, "/v0/segment/values",
		url.Values{"field": {field}, "attribute": {attribute}, "limit": {strconv.Itoa(limit)}})
}

// SegmentRows is an expression as rows of a builder; Fits is false where it is
// not of that form.
func (c *Client) SegmentRows(ctx context.Context, segment string) (RowsAnswer, error) {
	return get[RowsAnswer](ctx, c, "/v0/segment/rows", url.Values{"segment": {segment}})
}

// SegmentExpression is the expression that a builder's rows make.
func (c *Client) SegmentExpression(ctx context.Context, rows audience.Conditions) (string, error) {
	answer, err := call[ExpressionAnswer](ctx, c, http.MethodPost, "/v0/segment/expression", nil, rows)
	return answer.Segment, err
}

// SearchAll walks everyone with text anywhere in the e-mail or name, and says
// in between how far it is. Leaving the loop ends the search.
func (c *Client) SearchAll(ctx context.Context, text string) iter.Seq2[audience.Found, error] {
	return list[audience.Found](ctx, c, http.MethodGet, "/v0/subscribers/search", url.Values{"text": {text}}, nil)
}
