package control

import (
	"net/http"

	"pabal/campaign"
	"pabal/spool"
)

// CopyRequest asks for a copy of a campaign; Name "" makes one of the original's.
type CopyRequest struct {
	Name string `json:"name,omitempty"`
}

// WindowRequest gives a campaign a send window; null is none.
type WindowRequest struct {
	Window *spool.Window `json:"window"`
}

// BrakeRequest gives a campaign a reputation brake; null is the configured one.
type BrakeRequest struct {
	Brake *spool.Brake `json:"brake"`
}

func (s *Server) scheduleCampaign(r *http.Request) (any, error) {
	return asked(r, func(id uint64, o campaign.ScheduleOrder) (campaign.Campaign, error) {
		return s.Campaigns.Schedule(r.Context(), id, o)
	})
}

func (s *Server) planSchedule(r *http.Request) (any, error) {
	return asked(r, func(id uint64, o campaign.ScheduleOrder) (campaign.Plan, error) {
		return s.Campaigns.PlanSchedule(r.Context(), id, o)
	})
}

func (s *Server) copyCampaign(r *http.Request) (any, error) {
	return asked(r, func(id uint64, q CopyRequest) (campaign.Copied, error) {
		return s.Campaigns.Copy(r.Context(), id, q.Name)
	})
}

func (s *Server) setWindow(r *http.Request) (any, error) {
	return asked(r, func(id uint64, q WindowRequest) (campaign.Campaign, error) {
		return s.Campaigns.SetWindow(r.Context(), id, q.Window)
	})
}

func (s *Server) setBrake(r *http.Request) (any, error) {
	return asked(r, func(id uint64, q BrakeRequest) (campaign.Campaign, error) {
		return s.Campaigns.SetBrake(r.Context(), id, q.Brake)
	})
}

// asked is on with a request in the body.
func asked[Q, T any](r *http.Request, fn func(id uint64, q Q) (T, error)) (any, error) {
	return on(r, func(id uint64) (out T, err error) {
		q, err := read[Q](r, MaxRequestBytes)
		if err != nil {
			return out, err
		}
		return fn(id, q)
	})
}
