package cli

import "testing"

// TestDemoSeesWhatAMergeLeavesBehind: the demo's own checks can fail.
func TestDemoSeesWhatAMergeLeavesBehind(t *testing.T) {
	good := arrived{subject: "김민지님, 환영합니다", text: "안녕하세요, 김민지님.\n혜택이 많습니다", html: "<p>김민지님</p>", link: "http://x/u/t"}
	if good.leftover() || !greets(good, "김민지") {
		t.Error("a good mail is refused")
	}
	for _, bad := range []arrived{
		{subject: "님, 환영합니다"}, {text: "안녕\n 님"}, {html: "<p>님</p>"}, {html: "<b>{{Name}}</b>"}, {html: "&lt;no value&gt;"}, {text: "<nil>"},
	} {
		if !bad.leftover() {
			t.Errorf("%+v passes", bad)
		}
	}
	if greets(good, "김민준") || greets(arrived{subject: "김민지", text: "김민지"}, "김민지") {
		t.Error("a mail for somebody else passes")
	}
}

func TestDemoReadsMailsWithTheStandardLibrary(t *testing.T) {
	raw := "Subject: =?UTF-8?B?6rmA?=\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n6rmA\r\n--b\r\n" +
		"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<a href=3D\"http://127.0.0.1:1/u/abc_-1\">x</a>\r\n--b--\r\n"
	m, err := readMail([]byte(raw))
	if err != nil || m.subject != "김" || m.text != "김" || m.link != "http://127.0.0.1:1/u/abc_-1" {
		t.Errorf("got %+v, %v", m, err)
	}
	for _, bad := range []string{"", "x", "Content-Type: text/plain\r\n\r\nx", "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"} {
		if _, err := readMail([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
