package eml

import (
	"strings"
	"testing"
)

func TestHideSecretsLeavesWhatIsNone(t *testing.T) {
	const key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" // of AWS's documentation
	for _, c := range []struct{ text, want string }{
		{"open pabal:p@ss word{1@tcp(db:3306)/crm?tls=true: refused", "open [hidden]@tcp(db:3306)/crm?tls=true: refused"},
		{"pabal:geheim@unix(/run/mysqld/mysqld.sock)/crm", "[hidden]@unix(/run/mysqld/mysqld.sock)/crm"},
		{`Post "https://hooks.slack.com/services/T00/B00/XXXX": EOF`, `Post "https://hooks.slack.com/[hidden]": EOF`},
		{"see https://shop.example.com/u/AAECAwQ?c=1, then", "see https://shop.example.com/[hidden] then"},
		{"https://kim:pw@shop.example.com:8443/", "https://shop.example.com:8443/[hidden]"},
		{"dial https://email.ap-northeast-2.amazonaws.com", "dial https://email.ap-northeast-2.amazonaws.com"},
		{"web http://127.0.0.1:8025/", "web http://127.0.0.1:8025/"},
		{"key AKIAIOSFODNN7EXAMPLE is not known", "key AKIA[hidden] is not known"},
		{"with " + key + ".", "with [hidden]."},
		{"aws_secret_access_key = " + key[:30], "aws_secret_access_key = [hidden]"},
		{"Authorization: AWS4-HMAC-SHA256 Credential=x/20261123, Signature=ab12", "Authorization: [hidden]"},
		{`{"password":"geheim","user":"a"}`, `{"password":"[hidden]","user":"a"}`},
		{"Access denied for user 'pabal'@'db' (using password: YES)", "Access denied for user 'pabal'@'db' (using password: YES)"},
		{"sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709", "sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709"},
		{"dial tcp 10.0.0.7:3306: connect: connection refused", "dial tcp 10.0.0.7:3306: connect: connection refused"},
		{"kim@example.com is not an address", "kim@example.com is not an address"}, // Mask's work
		{"open /var/lib/pabal/spool.db: permission denied", "open /var/lib/pabal/spool.db: permission denied"},
	} {
		if got := HideSecrets(c.text); got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.text, got, c.want)
		}
	}
}

func FuzzHideSecrets(f *testing.F) {
	f.Add("a:b", "geheim1234")
	f.Add("파발", "p@ss)(word")
	f.Fuzz(func(t *testing.T, around, password string) {
		if len(password) < 4 || strings.ContainsAny(password, "\r\n") || strings.Contains(around+secretMark+"@tcp(db)/crm", password) {
			return
		}
		if got := HideSecrets(around + " pabal:" + password + "@tcp(db)/crm"); strings.Contains(got, password) {
			t.Errorf("%q: %q is left in %q", around, password, got)
		}
	})
}
