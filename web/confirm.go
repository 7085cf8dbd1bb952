package web

import (
	"context"
	"errors"
	"net/http"

	"pabal/audience"
)

// confirming is what the page behind the mail that asks needs of the audience.
type confirming interface {
	Confirm(ctx context.Context, token string) (audience.Subscriber, error)
}

// showConfirm is the page with the button. It looks at no token.
func (s *Server) showConfirm(w http.ResponseWriter, r *http.Request) {
	s.page(w, r, http.StatusOK, confirmPage)
}

// confirm acts on a POST. A good and a bad token get the same page after the
// same time.
func (s *Server) confirm(w http.ResponseWriter, r *http.Request) {
	began := s.now()
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	var tooLong *http.MaxBytesError
	if err := r.ParseForm(); errors.As(err, &tooLong) {
		plain(w, http.StatusRequestEntityTooLarge, "The request is too long.")
		return
	}
	err := s.optIn(r.Context(), r.PathValue("token"))
	s.waitStep(r.Context(), began)
	if err != nil {
		s.page(w, r, http.StatusServiceUnavailable, unconfirmedPage)
		return
	}
	s.page(w, r, http.StatusOK, confirmedPage)
}

// optIn records the yes of a good token; a bad one is no error. The browser
// going away does not stop it.
func (s *Server) optIn(ctx context.Context, token string) error {
	if len(token) > maxToken || s.confirms == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeLimit)
	defer cancel()
	_, err := s.confirms.Confirm(ctx, token)
	switch {
	case errors.Is(err, audience.ErrToken):
		s.log().Debug("confirmation with a bad link")
		return nil
	case err != nil:
		s.log().Error("confirmation not recorded", "err", err)
		return err
	}
	s.log().Info("subscribed by their own act")
	return nil
}

// confirmTexts are the pages behind the mail that asks, in a language.
func confirmTexts(tag string) map[kind]wording {
	if tag == "ko" {
		return map[kind]wording{
			confirmPage: {
				Title: "메일 수신 동의",
				Lines: []string{
					"아래 버튼을 누르면 이 주소로 광고·소식 메일을 보내 드립니다.",
					"버튼을 누르기 전에는 아무것도 바뀌지 않으며, 언제든 메일 아래쪽의 링크로 다시 거부할 수 있습니다.",
				},
				Button: "메일 받기",
			},
			confirmedPage: {
				Title: "요청을 처리했습니다",
				Lines: []string{
					"이 링크를 메일로 받은 주소로 광고·소식 메일을 보내 드립니다.",
					"링크가 잘려 있었거나, 7일이 지났거나, 그 뒤에 수신을 거부했다면 아무것도 바뀌지 않습니다. 그때는 보낸 곳에 링크를 다시 요청해 주세요.",
				},
			},
			unconfirmedPage: {
				Title: "요청을 기록하지 못했습니다",
				Lines: []string{
					"일시적인 문제로 요청이 저장되지 않았습니다. 잠시 후 다시 눌러 주세요.",
					"계속되면 받은 메일에 회신하거나 보낸 곳에 연락해 주세요.",
				},
				Button: "다시 시도",
			},
		}
	}
	return map[kind]wording{
		confirmPage: {
			Title: "Do you want our mail?",
			Lines: []string{
				"With the button below you agree to get news and offers at this address.",
				"Nothing changes before you press it, and you can unsubscribe at any time by the link at the end of each mail.",
			},
			Button: "Yes, send me mail",
		},
		confirmedPage: {
			Title: "Your request was taken",
			Lines: []string{
				"The address that got this link by mail gets news and offers from now on.",
				"If the link was not complete, is older than seven days, or you unsubscribed after it, nothing has changed. Then ask the sender for a new one.",
			},
		},
		unconfirmedPage: {
			Title: "The request could not be recorded",
			Lines: []string{
				"A passing problem kept it from being saved. Please press the button again in a moment.",
				"If that does not help, reply to the mail or call the sender.",
			},
			Button: "Try again",
		},
	}
}
