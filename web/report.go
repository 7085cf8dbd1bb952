package web

import (
	"context"
	"errors"
	"net/http"

	"pabal/audience"
	"pabal/campaign"
)

// reports is what the page of a report needs of the campaigns.
type reports interface {
	// OpenReport is the page behind a link to a report; audience.ErrToken,
	// campaign.ErrNotFound or campaign.ErrState when there is none (any more).
	OpenReport(ctx context.Context, token, lang string) ([]byte, error)
}

// showReport is a campaign's report for who was sent the link.
func (s *Server) showReport(w http.ResponseWriter, r *http.Request) {
	began, lang := s.now(), chosen(r)
	page, err := s.openReport(r.Context(), r.PathValue("token"), lang)
	if err == nil {
		w.Header().Set("Content-Security-Policy", campaign.ReportPolicy()+"; frame-ancestors 'none'")
		send(w, http.StatusOK, lang, page)
		return
	}
	s.waitStep(r.Context(), began)
	if errors.Is(err, audience.ErrToken) || errors.Is(err, campaign.ErrNotFound) || errors.Is(err, campaign.ErrState) {
		s.page(w, r, http.StatusNotFound, reportGonePage)
		return
	}
	s.log().Error("report not shown", "err", err)
	s.page(w, r, http.StatusServiceUnavailable, reportUnshownPage)
}

func (s *Server) openReport(ctx context.Context, token, lang string) ([]byte, error) {
	if s.reports == nil {
		return nil, audience.ErrToken
	}
	return s.reports.OpenReport(ctx, token, lang)
}

// reportPages are the pages in place of a report, in a language.
func reportPages(tag string) map[kind]wording {
	if tag == "ko" {
		return map[kind]wording{
			reportGonePage: {Title: "보고서를 열 수 없습니다",
				Lines: []string{"보고서 링크는 만든 뒤 15분 동안만 열립니다. 시간이 지났거나 주소가 잘렸습니다.", "링크를 다시 만들어 주세요."}},
			reportUnshownPage: {Title: "지금은 보고서를 보여 드리지 못합니다", Lines: []string{"일시적인 문제입니다. 잠시 후 다시 열어 주세요."}},
		}
	}
	return map[kind]wording{
		reportGonePage: {Title: "This report cannot be opened",
			Lines: []string{"The link to a report opens for 15 minutes after it was made. That time is over, or the address was cut off.", "Make a new link."}},
		reportUnshownPage: {Title: "The report cannot be shown just now", Lines: []string{"It is a problem of the moment. Open it again a little later."}},
	}
}
