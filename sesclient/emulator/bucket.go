package emulator

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// A bucket, as much of S3 as putting images for letters needs: PUT, HEAD and
// GET of one object at /_s3/BUCKET/KEY (path style; give …/_s3 as the
// endpoint). Objects are in memory, at most maxObjects bytes of them; a GET
// needs no signature, since readers of mails load them.

const (
	maxObject  = 10 << 20 // bytes of one
	maxObjects = 64 << 20 // bytes of all
)

// Object is what a bucket keeps.
type Object struct {
	Data         []byte `json:"-"`
	ContentType  string `json:"content_type"`
	CacheControl string `json:"cache_control"`
	Puts         int    `json:"puts"` // how often it was put
}

func (s *Server) bucketRoutes() {
	s.mux.HandleFunc("PUT /_s3/{bucket}/{key...}", s.putObject)
	s.mux.HandleFunc("GET /_s3/{bucket}/{key...}", s.getObject) // HEAD too
}

func (s *Server) putObject(w http.ResponseWriter, r *http.Request) {
	s.count("PutObject")
	if err := signed(r); err != nil {
		objectError(w, http.StatusForbidden, "AccessDenied")
		return
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxObject))
	if err != nil {
		objectError(w, http.StatusBadRequest, "EntityTooLarge")
		return
	}
	if strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		objectError(w, http.StatusNotImplemented, "NotImplemented")
		return
	}
	name := r.PathValue("bucket") + "/" + r.PathValue("key")
	s.mu.Lock()
	defer s.mu.Unlock()
	total := len(data)
	for _, o := range s.objects {
		total += len(o.Data)
	}
	if total > maxObjects {
		objectError(w, http.StatusInsufficientStorage, "ServiceUnavailable")
		return
	}
	s.objects[name] = Object{data, r.Header.Get("Content-Type"), r.Header.Get("Cache-Control"), s.objects[name].Puts + 1}
	w.WriteHeader(http.StatusOK)
}

func (s *Server) getObject(w http.ResponseWriter, r *http.Request) {
	if s.count("GetObject"); r.Method == http.MethodHead {
		s.count("HeadObject")
	}
	s.mu.Lock()
	o, ok := s.objects[r.PathValue("bucket")+"/"+r.PathValue("key")]
	s.mu.Unlock()
	if !ok {
		objectError(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	w.Header().Set("Content-Type", o.ContentType)
	w.Header().Set("Cache-Control", o.CacheControl)
	w.Header().Set("Content-Length", strconv.Itoa(len(o.Data)))
	w.Write(o.Data) // the reader may have gone
}

func objectError(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>`+code+`</Code></Error>`)
}

// Objects are the names of what was put into buckets, BUCKET/KEY, in order.
func (s *Server) Objects() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.objects))
}

// Object is one of Objects; false when there is none.
func (s *Server) Object(name string) (Object, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.objects[name]
	return o, ok
}
