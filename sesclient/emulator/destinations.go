package emulator

import (
	"net/http"
	"slices"
	"strings"
)

// Event destinations of configuration sets. Of a destination only SNS is known;
// the topic delivers to the queue that has the name of its last part, as if it
// were subscribed.

type destinationInput struct {
	EventDestinationName string
	EventDestination     struct {
		Enabled            bool
		MatchingEventTypes []string
		SnsDestination     *struct{ TopicArn string }
	}
}

func (s *Server) createDestination(r *http.Request, body []byte) (any, error) {
	set, err := s.storedSet(r)
	if err != nil {
		return nil, err
	}
	var in destinationInput
	if err := unmarshal(body, &in); err != nil {
		return nil, err
	}
	given := in.EventDestination
	if !validName(in.EventDestinationName, 64) || given.SnsDestination == nil || len(given.MatchingEventTypes) == 0 {
		return nil, badRequest("Event destination <%s> needs a name, event types and, here, an SNS topic.", in.EventDestinationName)
	}
	for _, d := range s.destinations[set] {
		if d.name == in.EventDestinationName {
			return nil, alreadyExists("Event destination <%s> already exists.", d.name)
		}
	}
	topic := given.SnsDestination.TopicArn[strings.LastIndexByte(given.SnsDestination.TopicArn, ':')+1:]
	s.destinations[set] = append(s.destinations[set], eventDestination{in.EventDestinationName, given.Enabled, given.MatchingEventTypes, topic})
	s.queue(topic)
	return nil, nil
}

func (s *Server) listDestinations(r *http.Request, _ []byte) (any, error) {
	set, err := s.storedSet(r)
	if err != nil {
		return nil, err
	}
	list := []any{}
	for _, d := range s.destinations[set] {
		kinds := d.kinds
		if kinds == nil {
			kinds = []string{"SEND", "REJECT", "BOUNCE", "COMPLAINT", "DELIVERY", "OPEN", "CLICK", "RENDERING_FAILURE", "DELIVERY_DELAY", "SUBSCRIPTION"}
		}
		list = append(list, map[string]any{"Name": d.name, "Enabled": d.enabled, "MatchingEventTypes": kinds,
			"SnsDestination": map[string]string{"TopicArn": "arn:aws:sns:ap-northeast-2:000000000000:" + d.topic}})
	}
	return map[string]any{"EventDestinations": list}, nil
}

func (s *Server) deleteDestination(r *http.Request, _ []byte) (any, error) {
	set, err := s.storedSet(r)
	if err != nil {
		return nil, err
	}
	name, before := r.PathValue("destination"), len(s.destinations[set])
	s.destinations[set] = slices.DeleteFunc(s.destinations[set], func(d eventDestination) bool { return d.name == name })
	if len(s.destinations[set]) == before {
		return nil, notFound("Event destination <%s> does not exist.", name)
	}
	return nil, nil
}
