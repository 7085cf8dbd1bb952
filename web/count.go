package web

import (
	"io"
	"maps"
	"net/http"
	"sync"
)

// requests counts answers by code. The zero value is ready.
type requests struct {
	mu sync.Mutex
	by map[int]int64
}

func (c *requests) add(code int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[int]int64{}
	}
	c.by[code]++
}

// Requests is how many requests were answered since New, by HTTP code. It may
// be called at any time.
func (s *Server) Requests() map[int]int64 {
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	return maps.Clone(s.requests.by)
}

// coded remembers the code of an answer.
type coded struct {
	http.ResponseWriter
	code int
}

func (c *coded) WriteHeader(code int) {
	if c.code == 0 && code >= http.StatusOK { // 1xx are not the answer
		c.code = code
	}
	c.ResponseWriter.WriteHeader(code)
}

func (c *coded) Write(p []byte) (int, error) {
	c.implied()
	return c.ResponseWriter.Write(p)
}

// ReadFrom lets the kernel copy an image from its file, as without a count.
func (c *coded) ReadFrom(r io.Reader) (int64, error) {
	c.implied()
	return io.Copy(c.ResponseWriter, r)
}

// Unwrap is for http.ResponseController.
func (c *coded) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *coded) implied() {
	if c.code == 0 {
		c.code = http.StatusOK
	}
}
