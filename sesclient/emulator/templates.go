package emulator

import (
	"net/http"
	"time"
)

const maxTemplate = 500 << 10 // bytes of all parts; SES Developer Guide, "Service quotas"

// template is a stored template. It is kept and given back, never rendered.
type template struct {
	Content templateContent
	created time.Time
}

type templateContent struct {
	Subject string `json:",omitempty"`
	Html    string `json:",omitempty"`
	Text    string `json:",omitempty"`
}

type templateInput struct {
	TemplateName    string
	TemplateContent templateContent
}

func (in *templateInput) check() error {
	c := in.TemplateContent
	switch {
	case !validName(in.TemplateName, 64):
		return badRequest("Invalid template name '%s'.", in.TemplateName)
	case c.Html == "" && c.Text == "":
		return badRequest("The template must hold Html or Text.")
	case len(c.Subject)+len(c.Html)+len(c.Text) > maxTemplate:
		return badRequest("The template is larger than %d bytes.", maxTemplate)
	}
	return nil
}

func (s *Server) createTemplate(_ *http.Request, body []byte) (any, error) {
	var in templateInput
	if err := unmarshal(body, &in); err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	if _, ok := s.templates[in.TemplateName]; ok {
		return nil, alreadyExists("Template %s already exists.", in.TemplateName)
	}
	s.templates[in.TemplateName] = template{in.TemplateContent, s.now()}
	return nil, nil
}

func (s *Server) storedTemplate(r *http.Request) (string, template, error) {
	name := r.PathValue("name")
	t, ok := s.templates[name]
	if !ok {
		return name, t, notFound("Template %s does not exist.", name)
	}
	return name, t, nil
}

func (s *Server) getTemplate(r *http.Request, _ []byte) (any, error) {
	name, t, err := s.storedTemplate(r)
	if err != nil {
		return nil, err
	}
	return map[string]any{"TemplateName": name, "TemplateContent": t.Content}, nil
}

func (s *Server) updateTemplate(r *http.Request, body []byte) (any, error) {
	name, t, err := s.storedTemplate(r)
	if err != nil {
		return nil, err
	}
	in := templateInput{TemplateName: name}
	if err := unmarshal(body, &in); err != nil {
		return nil, err
	}
	in.TemplateName = name
	if err := in.check(); err != nil {
		return nil, err
	}
	s.templates[name] = template{in.TemplateContent, t.created}
	return nil, nil
}

func (s *Server) deleteTemplate(r *http.Request, _ []byte) (any, error) {
	name, _, err := s.storedTemplate(r)
	if err != nil {
		return nil, err
	}
	delete(s.templates, name)
	return nil, nil
}

func (s *Server) listTemplates(r *http.Request, _ []byte) (any, error) {
	in, err := queryPage(r)
	if err != nil {
		return nil, err
	}
	names, next, err := page(s.templates, in)
	if err != nil {
		return nil, err
	}
	list := []any{}
	for _, name := range names {
		list = append(list, map[string]any{"TemplateName": name, "CreatedTimestamp": epoch(s.templates[name].created)})
	}
	return paged("TemplatesMetadata", list, next), nil
}

// Template is one to be stored at the start.
type Template struct{ Name, Subject, HTML, Text string }

// PutTemplate stores a template as CreateEmailTemplate does, without its checks.
func (s *Server) PutTemplate(name, subject, html, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.templates[name] = template{templateContent{Subject: subject, Html: html, Text: text}, s.now()}
}
