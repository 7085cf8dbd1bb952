package sesclient

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/smithy-go"
	smithyendpoints "github.com/aws/smithy-go/endpoints"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"pabal/spool"
)

// What the SDK does for every call and need not: it looks the endpoint up in
// its table of regions (15 µs), and it copies a mail of 100 KB three times on
// its way into the JSON (80 µs). Both are measured by BenchmarkSend.

// knownEndpoint is the SDK's own resolver, asked once: neither region nor
// endpoint of a client change.
type knownEndpoint struct {
	sesv2.EndpointResolverV2
	mu    sync.Mutex
	known *smithyendpoints.Endpoint
}

// ResolveEndpoint implements sesv2.EndpointResolverV2.
func (k *knownEndpoint) ResolveEndpoint(ctx context.Context, p sesv2.EndpointParameters) (smithyendpoints.Endpoint, error) {
	if p.EndpointId != nil { // of one operation
		return k.EndpointResolverV2.ResolveEndpoint(ctx, p)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil {
		e, err := k.EndpointResolverV2.ResolveEndpoint(ctx, p)
		if err != nil {
			return e, err
		}
		k.known = &e
	}
	return *k.known, nil
}

// rawProtocol is the SDK's protocol, but that the mail is coded straight into
// the JSON which the SDK has made without it.
type rawProtocol struct {
	smithyhttp.ClientProtocol
	mail *spool.Message
}

// carrying makes a SendEmail call whose Data is empty carry a mail, with our id
// in a header line in front.
func carrying(m *spool.Message) func(*sesv2.Options) {
	return func(o *sesv2.Options) { o.Protocol = rawProtocol{o.Protocol, m} }
}

var errNoPlace = errors.New("the SDK's request has no place for the mail")

// SerializeRequest implements smithyhttp.ClientProtocol.
func (p rawProtocol) SerializeRequest(ctx context.Context, op *smithy.OperationSchema, in smithy.Serializable, req *smithyhttp.Request) error {
	if err := p.ClientProtocol.SerializeRequest(ctx, op, in, req); err != nil {
		return err
	}
	without, err := io.ReadAll(req.GetStream())
	if err != nil {
		return err
	}
	place := []byte(`"Data":"`) // no text in the JSON can hold it: its quotes would be escaped
	before, after, found := bytes.Cut(without, place)
	if !found {
		return errNoPlace
	}
	body := make([]byte, 0, len(without)+base64.StdEncoding.EncodedLen(len(idHeader)+len(p.mail.Tag)+len("\r\n")+len(p.mail.Head)+len(p.mail.Data)))
	body = append(append(body, before...), place...)
	body = append(appendMail(body, p.mail), after...)
	with, err := req.SetStream(bytes.NewReader(body))
	if err == nil {
		*req = *with
	}
	return err
}

// appendMail appends the mail in base64, with our id's header line and what
// else goes in front. These lines borrow what they lack of a multiple of three
// from the mail.
func appendMail(dst []byte, m *spool.Message) []byte {
	data, line := m.Data, m.Head
	if m.Tag != "" {
		line = slices.Concat([]byte(idHeader), []byte(m.Tag), []byte("\r\n"), m.Head)
	}
	if len(line) > 0 {
		lent := min((3-len(line)%3)%3, len(data))
		dst = base64.StdEncoding.AppendEncode(dst, append(slices.Clip(line), data[:lent]...))
		data = data[lent:]
	}
	return base64.StdEncoding.AppendEncode(dst, data)
}
