package smtpd

import "strings"

// scripts are conversations with the whole server. The client's name and the
// greeting are left out.
var scripts = map[string]string{
	"a mail": `
		> MAIL FROM:<app@shop.example> SIZE=100 BODY=8BITMIME
		< 250
		> RCPT TO:<kim@example.com>
		< 250
		> DATA
		< 354
		> From: shop@shop.example\r\n\r\nhello\r\n.
		< 250 2.0.0 queued as q
		> QUIT
		< 221
		< END`,
	"null sender": `
		> MAIL FROM:<>
		< 250
		> RCPT TO:<kim@example.com>
		< 250`,
	"second MAIL": `
		> MAIL FROM:<a@b.example>
		< 250
		> MAIL FROM:<a@b.example>
		< 503 5.5.1
		> RSET
		< 250
		> MAIL FROM:<a@b.example>
		< 250`,
	"EHLO resets": `
		> MAIL FROM:<a@b.example>
		< 250
		> EHLO again
		< 250
		> RCPT TO:<kim@example.com>
		< 502
		> MAIL FROM:<a@b.example>
		< 250`,
	"bad recipients": `
		> MAIL FROM:<a@b.example>
		< 250
		> RCPT TO:<"a b"@example.com>
		< 553 5.1.3
		> RCPT TO:<"x@y"@example.com>
		< 553 5.1.3
		> RCPT TO:<a@b@example.com>
		< 553 5.1.3
		> RCPT TO:<a@[127.0.0.1]>
		< 553 5.1.3
		> RCPT TO:<김@example.com>
		< 553 5.1.3
		> RCPT TO:<root@localhost>
		< 553 5.1.3
		> RCPT TO:<root>
		< 553 5.1.3
		> DATA
		< 502`,
	"sender not ASCII": `
		> MAIL FROM:<김@b.example>
		< 553 5.6.7`,
	"SMTPUTF8 is refused": `
		> MAIL FROM:<a@b.example> SMTPUTF8
		< 504`,
	"declared too big": `
		> MAIL FROM:<a@b.example> SIZE=100001
		< 552 5.3.4
		> MAIL FROM:<a@b.example> SIZE=100000
		< 250`,
	"no From, and nobody to take it from": `
		> MAIL FROM:<>
		< 250
		> RCPT TO:<kim@example.com>
		< 250
		> DATA
		< 354
		> Subject: x\r\n\r\nhello\r\n.
		< 550 5.6.0 the message has no From header
		> MAIL FROM:<a@b.example>
		< 250`,
	"sender of a foreign domain": `
		> MAIL FROM:<a@b.example>
		< 250
		> RCPT TO:<kim@example.com>
		< 250
		> DATA
		< 354
		> From: boss@foreign.example\r\n\r\nhello\r\n.
		< 550 5.7.1 SES may not send for boss@foreign.example`,
	"header that is none": `
		> MAIL FROM:<a@b.example>
		< 250
		> RCPT TO:<kim@example.com>
		< 250
		> DATA
		< 354
		> From: shop@shop.example\r\nno field\r\n\r\nhello\r\n.
		< 550 5.6.0`,
	"lone CR": `
		> MAIL FROM:<a@b.example>
		< 250
		> RCPT TO:<kim@example.com>
		< 250
		> DATA
		< 354
		> From: shop@shop.example\r\n\r\nhello\r.\rMAIL FROM:<x@y.z>\r\n.
		< 550 5.6.0
		> NOOP
		< 250`,
	"CR behind a lone dot": `
		> MAIL FROM:<a@b.example>
		< 250
		> RCPT TO:<kim@example.com>
		< 250
		> DATA
		< 354
		> From: shop@shop.example\r\n\r\n.\r\r\nhello\r\n.
		< 550 5.6.0
		> NOOP
		< 250`,
	"NUL in the text": `
		> MAIL FROM:<a@b.example>
		< 250
		> RCPT TO:<kim@example.com>
		< 250
		> DATA
		< 354
		> From: shop@shop.example\r\n\r\na\0b\r\n.
		< 550 5.6.0`,
	"controls in commands": `
		> MAIL FROM:<a\0@b.example>
		< 500
		> NOOP\r
		< 500
		> RSET\rMAIL
		< 500`,
	"BDAT closes": `
		> MAIL FROM:<a@b.example>
		< 250
		> RCPT TO:<kim@example.com>
		< 250
		> BDAT 6 LAST\r\nNOOP
		< 502 5.5.1
		< END`,
	"small bdat closes": `
		> bdat 6\r\nNOOP
		< 502 5.5.1
		< END`,
	"HTTP closes": `
		> POST / HTTP/1.1
		< 421
		< END`,
	"too long a command closes": `
		> RCPT TO:<kim@example.com>` + strings.Repeat(" ", 3000) + `
		< 500
		< END`,
	"many errors close": `
		> ABCD
		< 500
		> ABCD
		< 500
		> ABCD
		< 500
		> ABCD
		< 500
		< 500
		< END`,
}
