package control

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"syscall"
	"time"

	"pabal/eml"
)

// Client talks to the daemon. Set the fields before the first call; every
// method may be called at the same time and returns *eml.Problem.
type Client struct {
	Socket  string
	Version string // sent along; "" is fine

	once sync.Once
	http *http.Client

	mu     sync.Mutex
	daemon string
	zone   *time.Location
}

// NewClient is a client of the daemon on a socket. It does not connect yet.
func NewClient(socket, version string) *Client { return &Client{Socket: socket, Version: version} }

// DaemonVersion is the version of the daemon that answered last, "" before.
func (c *Client) DaemonVersion() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.daemon
}

// Zone is the campaigns' time zone as the daemon that answered last has it;
// before that, or when this machine does not know it, the machine's own.
func (c *Client) Zone() *time.Location {
	c.mu.Lock()
	defer c.mu.Unlock()
	return cmp.Or(c.zone, time.Local)
}

// heard keeps what every answer says of the daemon.
func (c *Client) heard(h http.Header) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.daemon = h.Get(VersionHeader)
	if name := h.Get(ZoneHeader); name != "" && (c.zone == nil || c.zone.String() != name) {
		c.zone, _ = time.LoadLocation(name) // nil: not known here
	}
}

// Close ends idle connections.
func (c *Client) Close() { c.transport().CloseIdleConnections() }

func (c *Client) transport() *http.Client {
	c.once.Do(func() {
		dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", c.Socket)
		}
		c.http = &http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConns: 4, DisableCompression: true}}
	})
	return c.http
}

// send makes a request and returns a good answer with its body open. Path is escaped.
func (c *Client) send(ctx context.Context, method, path string, q url.Values, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://pabal"+path+"?"+q.Encode(), body)
	if err != nil {
		return nil, fmt.Errorf("ask the daemon: %w", err)
	}
	req.Header.Set(VersionHeader, c.Version)
	resp, err := c.transport().Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	c.heard(resp.Header)
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close() // read to the end below
	text, err := io.ReadAll(io.LimitReader(resp.Body, MaxRequestBytes))
	if err != nil {
		return nil, broken(err)
	}
	return nil, problemOf(text, resp.StatusCode)
}

// unreachable says what a failed connection means and how to get a good one.
func (c *Client) unreachable(err error) error {
	var urlErr *url.Error
	if errors.As(err, &urlErr) {
		err = urlErr.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return &eml.Problem{What: "no pabal daemon answers on " + c.Socket,
			Hint: "start one with: pabal serve (or systemctl start pabal)", Err: errors.Join(ErrNoDaemon, err)}
	case errors.Is(err, fs.ErrPermission):
		return &eml.Problem{What: "you may not use " + c.Socket, Hint: "become a member of the group that owns it, or use sudo", Err: err}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &eml.Problem{What: "the question to the daemon was given up", Hint: "what the daemon had taken over whole (a start, a file) it finishes", Err: err}
	}
	return broken(err)
}

func broken(err error) error {
	return &eml.Problem{What: "the connection to the daemon broke: " + err.Error(),
		Hint: "see whether it runs with: pabal status; what was begun is finished without the connection", Err: err}
}

// call sends in as JSON (nil: nothing) and decodes the answer.
func call[T any](ctx context.Context, c *Client, method, path string, q url.Values, in any) (T, error) {
	var out T
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return out, fmt.Errorf("ask the daemon: %w", err)
		}
		body = bytes.NewReader(text)
	}
	resp, err := c.send(ctx, method, path, q, body)
	return decodeBody[T](resp, err)
}

// decodeBody decodes the answer of send.
func decodeBody[T any](resp *http.Response, err error) (T, error) {
	var out T
	if err != nil {
		return out, err
	}
	defer resp.Body.Close() // read, or broken anyway
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return out, broken(err)
	}
	return out, nil
}

func get[T any](ctx context.Context, c *Client, path string, q url.Values) (T, error) {
	return call[T](ctx, c, http.MethodGet, path, q, nil)
}

// list walks a list as it arrives. It ends with an error when the daemon gave
// up or the connection broke; leaving the loop closes the connection.
func list[T any](ctx context.Context, c *Client, method, path string, q url.Values, body io.Reader) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		resp, err := c.send(ctx, method, path, q, body)
		if err != nil {
			yield(zero, err)
			return
		}
		defer resp.Body.Close() // nothing to lose: the answer was read or is not wanted
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, MaxLineBytes)
		for lines.Scan() {
			v, err := decodeLine[T](lines.Bytes())
			if !yield(v, err) || err != nil {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(zero, c.unreachable(err))
		}
	}
}

func decodeLine[T any](line []byte) (T, error) {
	var v T
	if bytes.HasPrefix(line, []byte(`{"error":`)) {
		return v, problemOf(line, http.StatusInternalServerError)
	}
	if err := json.Unmarshal(line, &v); err != nil {
		return v, broken(err)
	}
	return v, nil
}

// collect is a whole list that is known to be short.
func collect[T any](all iter.Seq2[T, error]) ([]T, error) {
	out := []T{}
	for v, err := range all {
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func messagePath(id, rest string) string { return "/v0/messages/" + url.PathEscape(id) + rest }

func templatePath(name, rest string) string { return "/v0/templates/" + url.PathEscape(name) + rest }

func campaignPath(id uint64, rest string) string {
	return "/v0/campaigns/" + strconv.FormatUint(id, 10) + rest
}
