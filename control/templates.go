package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"

	"pabal/campaign"
	"pabal/eml"
)

func (s *Server) versions(l *lines, r *http.Request) error {
	all, err := s.Campaigns.Versions(r.PathValue("name"))
	if err != nil {
		return noSuchTemplate(r.PathValue("name"), 0, err)
	}
	return writeSlice(l, all)
}

// putBundle stores a version from a zip, or from a file of the inbox.
func (s *Server) putBundle(r *http.Request) (any, error) {
	s.bundles.Lock() // one at a time: each may take 60 MB for a moment
	defer s.bundles.Unlock()
	q := r.URL.Query()
	b, err := s.bundle(r, q.Get("inbox"))
	if err != nil {
		return nil, err
	}
	return s.Campaigns.PutBundle(r.Context(), campaign.Template{Name: r.PathValue("name"), Subject: q.Get("subject"), Purpose: q.Get("purpose")}, b)
}

func (s *Server) bundle(r *http.Request, inbox string) (campaign.Bundle, error) {
	if inbox != "" {
		return s.Inbox.bundle(inbox)
	}
	data, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, campaign.MaxBundle))
	if err != nil {
		return campaign.Bundle{}, tooLargeBundle(err)
	}
	return campaign.ReadZip(data)
}

func tooLargeBundle(err error) error {
	var tooLong *http.MaxBytesError
	if !errors.As(err, &tooLong) {
		return fmt.Errorf("read template: %w", err)
	}
	return &eml.Problem{What: fmt.Sprintf("the template has more than %d MB", tooLong.Limit>>20), Hint: "make its images smaller: a mail's should have a few hundred KB", Err: errTooLarge}
}

// bundle reads a template from a zip in the inbox, or from a page with the
// images that lie beside it.
func (b Inbox) bundle(name string) (campaign.Bundle, error) {
	data, err := b.read(name, campaign.MaxBundle)
	if err != nil {
		return campaign.Bundle{}, err
	}
	switch strings.ToLower(path.Ext(name)) {
	case ".zip":
		return campaign.ReadZip(data)
	case ".html", ".htm":
	default:
		return campaign.Bundle{}, invalid(eml.Visible(name)+" is neither a page nor a zip", "put a .zip or an .html file into the inbox")
	}
	return campaign.PageBundle(string(data), func(file string) ([]byte, bool, error) {
		data, err := b.read(path.Base(file), campaign.MaxImage)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, false, nil // listed as missing
		}
		return data, err == nil, err
	})
}

// read reads a file of the inbox up to a limit.
func (b Inbox) read(name string, limit int64) (data []byte, err error) {
	f, err := b.open(name)
	if err != nil {
		return nil, err
	}
	data, err = io.ReadAll(io.LimitReader(f, limit+1))
	if int64(len(data)) > limit {
		err = tooLargeBundle(&http.MaxBytesError{Limit: limit})
	}
	return data, errors.Join(err, f.Close())
}

// pullTemplate imports a template that SES stores.
func (s *Server) pullTemplate(r *http.Request) (any, error) {
	o, err := read[campaign.PullOptions](r, MaxRequestBytes)
	if err != nil {
		return nil, err
	}
	return s.Campaigns.PullTemplate(r.Context(), r.PathValue("name"), o)
}

func (s *Server) removeTemplate(r *http.Request) (any, error) {
	name := r.PathValue("name")
	if err := s.Campaigns.RemoveTemplate(r.Context(), name); err != nil {
		return nil, noSuchTemplate(name, 0, err)
	}
	return map[string]string{"removed": name}, nil
}

// TemplateVersions are all versions of a template, without their bodies, the
// newest first. campaign.ErrNotFound.
func (c *Client) TemplateVersions(ctx context.Context, name string) ([]campaign.Template, error) {
	return collect(list[campaign.Template](ctx, c, http.MethodGet, templatePath(name, "/versions"), nil, nil))
}

// PutBundle stores a new version from a page with its images. An empty
// Subject or Purpose of t leaves the bundle's, or the newest version's.
func (c *Client) PutBundle(ctx context.Context, t campaign.Template, b campaign.Bundle) (campaign.Template, error) {
	var packed bytes.Buffer
	if err := b.WriteZip(&packed); err != nil {
		return campaign.Template{}, fmt.Errorf("pack template: %w", err)
	}
	return decodeBody[campaign.Template](c.send(ctx, http.MethodPost, templatePath(t.Name, "/bundle"), bundleQuery(t, ""), &packed))
}

// bundleQuery says what else is known of a template; "" leaves it to the bundle.
func bundleQuery(t campaign.Template, inbox string) url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"subject": t.Subject, "purpose": t.Purpose, "inbox": inbox} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// PutZip is PutBundle of a zip.
func (c *Client) PutZip(ctx context.Context, t campaign.Template, packed io.Reader) (campaign.Template, error) {
	return decodeBody[campaign.Template](c.send(ctx, http.MethodPost, templatePath(t.Name, "/bundle"), bundleQuery(t, ""), io.NopCloser(packed)))
}

// PutInboxTemplate is PutBundle of a zip or a page in the inbox, by its name.
func (c *Client) PutInboxTemplate(ctx context.Context, t campaign.Template, file string) (campaign.Template, error) {
	return decodeBody[campaign.Template](c.send(ctx, http.MethodPost, templatePath(t.Name, "/bundle"), bundleQuery(t, file), nil))
}

// PullTemplate imports the template that SES stores under name; see
// campaign.Store.PullTemplate.
func (c *Client) PullTemplate(ctx context.Context, name string, o campaign.PullOptions) (campaign.PullResult, error) {
	return call[campaign.PullResult](ctx, c, http.MethodPost, templatePath(name, "/pull"), nil, o)
}

// RemoveTemplate removes a template that no campaign is made of, with all its
// versions. campaign.ErrNotFound.
func (c *Client) RemoveTemplate(ctx context.Context, name string) error {
	_, err := call[map[string]string](ctx, c, http.MethodDelete, templatePath(name, ""), nil, nil)
	return err
}
