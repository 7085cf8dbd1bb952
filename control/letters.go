package control

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"pabal/campaign"
	"pabal/eml"
)

// putFile stores a file to be attached; the body is its bytes.
func (s *Server) putFile(r *http.Request) (any, error) {
	data, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, campaign.MaxAttached))
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		return nil, &eml.Problem{What: fmt.Sprintf("the file has more than %d MB", campaign.MaxAttached>>20),
			Hint: "put it on a web server and link to it", Err: errTooLarge}
	}
	if err != nil {
		return nil, fmt.Errorf("read file: %w", err)
	}
	return s.Campaigns.PutFile(r.Context(), r.URL.Query().Get("name"), data)
}
