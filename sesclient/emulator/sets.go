package emulator

import "net/http"

// Configuration sets: names and event destinations; their other options are not
// kept.

func (s *Server) createSet(_ *http.Request, body []byte) (any, error) {
	var in struct{ ConfigurationSetName string }
	if err := unmarshal(body, &in); err != nil {
		return nil, err
	}
	name := in.ConfigurationSetName
	if !validName(name, 64) {
		return nil, badRequest("Invalid configuration set name '%s'.", name)
	}
	if _, ok := s.sets[name]; ok {
		return nil, alreadyExists("Configuration set <%s> already exists.", name)
	}
	s.sets[name], s.anySet = s.now(), false
	return nil, nil
}

func (s *Server) storedSet(r *http.Request) (string, error) {
	name := r.PathValue("name")
	if _, ok := s.sets[name]; !ok {
		return "", notFound("Configuration set <%s> does not exist.", name)
	}
	return name, nil
}

func (s *Server) getSet(r *http.Request, _ []byte) (any, error) {
	name, err := s.storedSet(r)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"ConfigurationSetName": name,
		"SendingOptions":       map[string]bool{"SendingEnabled": true},
		"ReputationOptions":    map[string]bool{"ReputationMetricsEnabled": false},
		"Tags":                 []any{},
	}, nil
}

func (s *Server) deleteSet(r *http.Request, _ []byte) (any, error) {
	name, err := s.storedSet(r)
	if err != nil {
		return nil, err
	}
	delete(s.sets, name)
	delete(s.destinations, name)
	return nil, nil
}

func (s *Server) listSets(_ *http.Request, body []byte) (any, error) {
	var in pageInput
	if err := unmarshal(body, &in); err != nil {
		return nil, err
	}
	names, next, err := page(s.sets, in)
	if err != nil {
		return nil, err
	}
	return paged("ConfigurationSets", names, next), nil
}
