package emulator

import "net/http"

// refusal is the error SES answers in a state of the account or of the
// service, by the name of its fault; nil where the answer is not such an error.
func refusal(kind string) *apiError {
	switch kind {
	case "throttle":
		return tooManyRequests("Maximum sending rate exceeded.")
	case "throttling":
		return &apiError{http.StatusBadRequest, "Throttling", "Maximum sending rate exceeded."}
	case "api_throttle":
		return tooManyRequests("Rate exceeded")
	case "quota":
		return &apiError{http.StatusBadRequest, "LimitExceededException", "Daily message quota exceeded."}
	case "error500":
		return &apiError{http.StatusInternalServerError, "InternalServiceErrorException", "Internal service error."}
	case "unavailable":
		return &apiError{http.StatusServiceUnavailable, "ServiceUnavailable", "Service is unavailable."}
	case "paused":
		return &apiError{http.StatusBadRequest, "SendingPausedException",
			"Email sending is paused for this account. Contact AWS Support."}
	case "suspended":
		return &apiError{http.StatusBadRequest, "AccountSuspendedException",
			"The account's ability to send email has been permanently restricted."}
	case "unverified":
		return &apiError{http.StatusBadRequest, "MailFromDomainNotVerifiedException",
			"The MAIL FROM domain of the identity is not verified."}
	case "bad_request":
		return badRequest("The request was refused.")
	case "rejected":
		return rejected("The message was refused.")
	case "too_large":
		return &apiError{http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException", "Request is too long."}
	case "access_denied":
		return &apiError{http.StatusForbidden, "AccessDeniedException",
			"User: arn:aws:iam::111122223333:user/emulator is not authorized to perform: ses:SendRawEmail"}
	case "expired_token":
		return &apiError{http.StatusForbidden, "ExpiredTokenException",
			"The security token included in the request is expired"}
	case "clock_skew":
		return &apiError{http.StatusForbidden, "SignatureDoesNotMatch",
			"Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z (20260101T001500Z - 5 min.)"}
	case "not_found":
		return notFound("The resource does not exist.")
	}
	return nil
}

// answer is what a fault that refuses gives back.
func (f Fault) answer() answer {
	switch f.Kind {
	case "reset":
		return answer{drop: dropReset}
	case "bare502":
		return answer{status: http.StatusBadGateway}
	case "html503":
		return answer{status: http.StatusServiceUnavailable, contentType: "text/html",
			body: []byte("<html><body><h1>503 Service Temporarily Unavailable</h1></body></html>")}
	}
	e := f.refusal()
	if f.Text != "" {
		e.message = f.Text
	}
	return e.answer()
}

func (f Fault) refusal() *apiError {
	switch f.Kind {
	case "unverified_identity":
		return notVerified("ap-northeast-2", []string{"sender@example.com"})
	case "custom":
		e := &apiError{f.Status, f.Code, "custom fault"}
		if e.status == 0 {
			e.status = http.StatusInternalServerError
		}
		return e
	}
	return refusal(f.Kind)
}
