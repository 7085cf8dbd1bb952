package eml

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	maxDiagnostic = 500      // octets of what a server said in a report
	maxReturned   = 64 << 10 // octets of the returned header; the fields beyond are left out
)

// Report is a delivery status notification (RFC 3464 in RFC 6522): a text for
// people, a part for programs, and the header of the mail it is about.
//
//	multipart/report
//	  text/plain                 Mail.Text
//	  message/delivery-status    MTA, Arrived, Deliveries
//	  text/rfc822-headers        Returned, if there is any
//
// HTML, Inline and Attach of Mail must be empty.
type Report struct {
	Mail
	MTA        string    // name of the host that reports
	Arrived    time.Time // when it took the mail; zero leaves the field out
	Deliveries []Delivery
	Returned   Header // of the mail; what is not ASCII or has lines over 998 octets is left out
}

// Delivery is what became of a mail for one recipient.
type Delivery struct {
	Recipient  string // address
	Action     string // failed, delayed, delivered, relayed or expanded (RFC 3464 2.3.3)
	Status     string // of RFC 3463: 5.1.1
	MTA        string // host that said so; "" leaves the field out
	Said       string // what it said; "" leaves the field out
	Dialect    string // what kind of answer that is (RFC 3464 2.3.6): smtp, or a name that begins with X-
	Last       time.Time
	OurMessage string // our own id of it, as X-Pabal-Message; "" leaves the field out
}

// AppendTo appends the whole report with CRLF line ends. Errors are those of
// Mail.AppendTo; also a *Problem for a value that cannot stand in a status
// field. Then dst is returned as it was.
func (r *Report) AppendTo(dst []byte) ([]byte, error) {
	before := len(dst)
	dst, err := r.appendHeaders(dst)
	if err != nil {
		return dst[:before], err
	}
	w := writer{dst: dst, seed: r.boundarySeed()}
	l := w.open("report", " report-type=delivery-status;", "d")
	w.next(l)
	w.text("plain", r.Text)
	w.next(l)
	w.add("Content-Type: message/delivery-status\r\n\r\n")
	if w.dst, err = r.appendStatus(w.dst); err != nil {
		return dst[:before], err
	}
	if returned := r.returned(); len(returned) > 0 {
		w.next(l)
		w.add("Content-Type: text/rfc822-headers\r\n\r\n")
		w.dst = append(w.dst, returned...)
	}
	w.close(l)
	return w.dst, nil
}

// appendStatus appends the fields about the mail, then a block for each recipient.
func (r *Report) appendStatus(dst []byte) ([]byte, error) {
	f := statusFields{dst: dst}
	f.add("Reporting-MTA", "dns; ", r.MTA)
	f.date("Arrival-Date", r.Arrived)
	for _, d := range r.Deliveries {
		f.dst = append(f.dst, "\r\n"...)
		f.add("Final-Recipient", "rfc822; ", d.Recipient)
		f.add("Action", "", d.Action)
		f.add("Status", "", d.Status)
		f.optional("Remote-MTA", "dns; ", d.MTA)
		f.optional("Diagnostic-Code", cmp.Or(d.Dialect, "smtp")+"; ", Cut(spaced(d.Said), maxDiagnostic))
		f.date("Last-Attempt-Date", d.Last)
		f.optional("X-Pabal-Message", "", d.OurMessage)
	}
	return f.dst, f.err
}

// statusFields appends fields of a delivery status until one is wrong.
type statusFields struct {
	dst []byte
	err error
}

func (f *statusFields) add(name, kind, value string) {
	switch {
	case f.err != nil:
	case value == "" || !isASCII(value) || CheckHeader(value) != nil || longestStretch(value) > maxLine-len(name)-len(kind)-2:
		f.err = &Problem{
			What: fmt.Sprintf("%s of a delivery report cannot be %q", name, Visible(value)),
			Hint: "it is one line of ASCII characters",
		}
	default:
		f.dst = AppendRawHeader(f.dst, name, kind+value)
	}
}

func (f *statusFields) optional(name, kind, value string) {
	if value != "" {
		f.add(name, kind, value)
	}
}

func (f *statusFields) date(name string, t time.Time) {
	if !t.IsZero() {
		f.add(name, "", t.Format(time.RFC1123Z))
	}
}

// spaced is foreign text as one line of ASCII.
func spaced(s string) string {
	return strings.Map(func(r rune) rune {
		if r > '~' {
			return '?'
		}
		return r
	}, Visible(strings.Join(strings.Fields(s), " ")))
}

// returned is the header that goes back, in full fields.
func (r *Report) returned() []byte {
	var out []byte
	for _, f := range r.Returned.Fields() {
		if len(out)+len(f.Raw) > maxReturned {
			break
		}
		if isASCII(string(f.Raw)) && !slices.ContainsFunc(bytes.Split(f.Raw, []byte("\r\n")), func(l []byte) bool { return len(l) > maxLine }) {
			out = append(out, f.Raw...)
		}
	}
	return out
}
