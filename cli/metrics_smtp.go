package cli

import (
	"maps"
	"slices"

	"pabal/smtpd"
)

// smtpMetrics are about the mail that applications hand in.
func smtpMetrics() []metric {
	return []metric{
		{"pabal_submissions_total", counter, []string{"entrance"}, "Messages taken from applications since the start, one per recipient, by entrance: smtp, socket (sendmail) or drop (the drop folder).", func(r *reading, s *samples) {
			for _, name := range []string{smtpd.BySMTP, smtpd.BySocket, smtpd.ByDrop} {
				s.count(r.smtp.Entrances[name], name)
			}
		}},
		{"pabal_smtp_replies_total", counter, []string{"code"}, "Replies to SMTP clients since the start by code, the drop folder's own conversations included.", func(r *reading, s *samples) {
			for _, code := range slices.Sorted(maps.Keys(r.smtp.Replies)) {
				s.count(r.smtp.Replies[code], code)
			}
		}},
		{"pabal_smtp_refused_total", counter, nil, "Connections, senders, recipients and texts refused since the start.", func(r *reading, s *samples) { s.count(r.smtp.Refused) }},
		{"pabal_smtp_login_failures_total", counter, nil, "Logins refused since the start.", func(r *reading, s *samples) { s.count(r.smtp.BadLogins) }},
		{"pabal_smtp_connections_total", counter, nil, "Connections of clients since the start, those turned away included.", func(r *reading, s *samples) { s.count(r.smtp.Connected) }},
		{"pabal_smtp_connections_open", gauge, nil, "Connections of clients that are open.", func(r *reading, s *samples) { s.count(r.smtp.Connections) }},
		{"pabal_drop_taken_total", counter, nil, "Mails taken up from the drop folder since the start.", drop(func(d *smtpd.DropStats, s *samples) { s.count(d.Taken) })},
		{"pabal_drop_waiting", gauge, nil, "Mails left in the drop folder by the last look.", drop(func(d *smtpd.DropStats, s *samples) { s.count(d.Waiting) })},
		{"pabal_drop_set_aside", gauge, nil, "Mails of the drop folder that could not be sent and lie in its folder bad.", drop(func(d *smtpd.DropStats, s *samples) { s.count(d.SetAside) })},
		{"pabal_drop_failing", gauge, nil, "1 while the drop folder cannot be taken up.", drop(func(d *smtpd.DropStats, s *samples) { s.is(d.Error != "") })},
	}
}

// drop reads what is said of the drop folder, nothing where there is none.
func drop(read func(*smtpd.DropStats, *samples)) func(*reading, *samples) {
	return func(r *reading, s *samples) {
		if r.smtp.Drop != nil {
			read(r.smtp.Drop, s)
		}
	}
}
