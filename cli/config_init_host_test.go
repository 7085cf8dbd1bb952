//go:build host

package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pabal/sesclient/emulator"
)

// TestConfigInitAsksInKorean is a first run on a terminal: an answer that is none
// is asked for again, a syllable is erased whole, the password is not to be seen.
func TestConfigInitAsksInKorean(t *testing.T) {
	h := newHost(t, emulator.Options{Keep: -1})
	path := filepath.Join(h.dir, "shop", "pabal.toml")
	m := openTerminal(t, h, "100", "40", "pabal --lang ko config init --config "+path)
	m.see("1. SES 계정의 AWS 리전", "[ap-northeast-2] >")
	m.press("Enter")
	m.see("2. 캠페인의 보내는 사람")
	m.write("상점 shop")
	m.press("Enter")
	m.see(`campaign.from "상점 shop" is not an address`)
	m.write("파발 상졈")
	m.press("BSpace")
	m.write("점 <shop@example.com>")
	m.see("> 파발 상점 <shop@example.com>")
	m.press("Enter")
	for _, step := range [][2]string{{"3. 회사 이름", "파발"}, {"4. 회사 주소", "서울 중구"}, {"5. 회사 전화번호", "02-123-4567"}, {"6. 수신거부 페이지", "https://mail.example.com"},
		{"7. 응용 프로그램이", ""}, {"8. 고객이 있는 MySQL", "127.0.0.1:1"}, {"데이터베이스", "shop"}, {"사용자", "pabal"}, {"테이블", ""}, {"비밀번호(보이지 않음) >", "s3cret/@:word"},
		{"지금 연결해 볼까요?", ""}, {"다시 입력할까요?", "n"}, {"9. 도착 소식 대기열", ""}, {"10. 운영자의 메일", "ops@example.com"}} {
		m.see(step[0])
		if strings.HasPrefix(step[0], "3.") { // the last words are whole on a line of their own
			m.see("\n   자리에 들어갑니다.\n")
		}
		m.write(step[1])
		m.press("Enter")
	}
	m.see("쓸까요?")
	if entries, err := os.ReadDir(filepath.Dir(path)); err == nil {
		t.Errorf("written before the last answer: %v", entries)
	}
	if strings.Contains(m.screen(), "s3cret") {
		t.Error("the password is on the screen")
	}
	m.press("Enter")
	m.see("에 썼습니다", "pabal domain setup example.com")
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), `from = "파발 상점 <shop@example.com>"`) || !strings.Contains(string(text), `dsn_file = "mysql-dsn"`) {
		t.Errorf("%v\n%s", err, text)
	}
	dsn := filepath.Join(filepath.Dir(path), "mysql-dsn")
	secret, err := os.ReadFile(dsn)
	if err != nil || string(secret) != "pabal:s3cret/@:word@tcp(127.0.0.1:1)/shop\n" {
		t.Errorf("the DSN is %q, %v", secret, err)
	}
	if info, err := os.Stat(dsn); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := load(path, nil); err != nil {
		t.Error(err)
	}
}

// Ctrl-C at a question leaves nothing, and the terminal as it was.
func TestConfigInitLeftLeavesNothing(t *testing.T) {
	h := newHost(t, emulator.Options{Keep: -1})
	path := filepath.Join(h.dir, "shop", "pabal.toml")
	m := openTerminal(t, h, "100", "40", "sh -c 'pabal --lang en config init --config "+path+"; echo code $?; stty -a'")
	m.see("1. AWS region")
	m.press("Enter")
	m.see("2. Sender of campaigns")
	m.press("C-c")
	m.see("nothing was written", "code 1", " icanon", " echo ")
	if _, err := os.Stat(filepath.Dir(path)); !os.IsNotExist(err) {
		t.Errorf("something was left: %v", err)
	}
}
