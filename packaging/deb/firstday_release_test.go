//go:build release

package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// diary is a transcript as Markdown in two languages: what a new user types, and
// what they see.
type diary struct {
	*machine
	page map[string]*strings.Builder // by language
	last string                      // what the window showed at the last look
}

// chapter begins one with the words of diaryWords.
func (d *diary) chapter(name string) {
	for lang, page := range d.page {
		words := diaryWords[lang][name]
		if words[0] == "" {
			d.t.Fatalf("no words in %s for %s", lang, name)
		}
		fmt.Fprintf(page, "\n## %s\n\n%s\n", words[0], words[1])
	}
}

func (d *diary) printf(format string, values ...any) {
	for _, page := range d.page {
		fmt.Fprintf(page, format, values...)
	}
}

// types runs a line as it is typed, and writes it down with what it prints.
func (d *diary) types(line string) string {
	d.t.Helper()
	out, err := d.try("cd; ( " + line + "\n) 2>&1")
	if err != nil {
		d.t.Fatalf("%v", err)
	}
	d.note(line, out)
	return out
}

// fails is types for what has to end with 1.
func (d *diary) fails(line string) string {
	d.t.Helper()
	out := d.run("cd; ( " + line + "\n) 2>&1 && echo it went well || [ $? = 1 ]")
	d.note(line, out)
	return out
}

func (d *diary) note(line, out string) {
	if out != "" {
		out += "\n"
	}
	d.printf("\n```console\n# %s\n%s```\n", line, out)
}

// window is a terminal of 80x24 in the machine in which a command runs.
func (d *diary) window(command string) {
	d.t.Helper()
	d.run("tmux -f /root/tmux.conf new-session -d -x 80 -y 24 'env LANG=ko_KR.UTF-8 LC_ALL=C.UTF-8 TERM=tmux-256color " + command + "'")
	d.printf("\n```console\n# %s\n```\n", command)
}

// screen is what the window shows; a line of the head begins with a blank.
func (d *diary) screen() string { out, _ := d.try("tmux capture-pane -p"); return " " + out }

// sees waits until all texts are on the screen; shows writes the screen down too.
func (d *diary) sees(texts ...string) {
	d.t.Helper()
	d.until(fmt.Sprintf("the screen shows %q", texts), func() bool {
		d.last = d.screen()
		for _, text := range texts {
			if !strings.Contains(d.last, text) {
				return false
			}
		}
		return true
	})
}

func (d *diary) shows(texts ...string) {
	d.t.Helper()
	d.sees(texts...)
	d.screenOf("tmux capture-pane -p")
}

// screenOf writes down what a line of tmux captures.
func (d *diary) screenOf(capture string) {
	d.t.Helper()
	d.printf("\n```\n %s\n```\n", strings.TrimRight(d.run(capture), "\n"))
}

// press sends keys by their names, write letters.
func (d *diary) press(keys ...string) {
	d.t.Helper()
	for _, k := range keys {
		d.run("tmux send-keys " + k)
	}
}

func (d *diary) write(text string) {
	d.t.Helper()
	d.run("tmux send-keys -l '" + text + "'")
}

// TestFirstDayOfANewUser is the operator's and the marketer's first day on a
// fresh Debian, from the package to its purge, against an SES of our own. The
// environment variable TRANSCRIPT names the folder of the pages that tell it.
func TestFirstDayOfANewUser(t *testing.T) {
	now, later := debs(t)
	first, second := glob(t, filepath.Join(now, "pabal_*_amd64.deb")), glob(t, filepath.Join(later, "pabal_*_amd64.deb"))
	d := &diary{machine: boot(t, debian(t, first, second)), page: map[string]*strings.Builder{"en": {}, "ko": {}}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the last screen:\n%s", d.last)
		}
	})
	d.put("root/tmux.conf", "set -g default-terminal tmux-256color\nset -sg escape-time 5\nset -g status off\nset -g remain-on-exit on\n")
	d.run("cd /root && mv " + filepath.Base(first) + " pabal.deb && mv " + filepath.Base(second) + " pabal-later.deb")
	for _, tell := range []func(*diary){(*diary).install, (*diary).account, (*diary).domain, (*diary).customers, (*diary).template,
		(*diary).campaign, (*diary).restart, (*diary).upgrade, (*diary).backup, (*diary).purge} {
		tell(d)
	}
	if folder := os.Getenv("TRANSCRIPT"); folder != "" {
		for lang, name := range map[string]string{"en": "first-day.md", "ko": "first-day.ko.md"} {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(diaryWords[lang]["whole"][0]+d.page[lang].String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (d *diary) install() {
	d.chapter("install")
	out := d.run("cd /root && apt-get install -y -o Dpkg::Use-Pty=0 ./pabal.deb 2>&1 | grep -E '^(Setting up|Creating|Created)'")
	d.note("apt install ./pabal.deb", out)
	d.says("systemctl is-active pabal", "active")
	d.types("systemctl status pabal --no-pager | sed '/CGroup/,$d'")
}

// account asks for the settings, and takes the emulator for SES.
func (d *diary) account() {
	d.chapter("settings")
	d.run("touch /root/records.zone")
	d.types("systemd-run --quiet --unit ses -p StateDirectory=ses pabal ses-emulator --listen 127.0.0.1:4579 --verified shop.invalid --rate 14 --events main --dir /var/lib/ses --zone /root/records.zone --dns 127.0.0.1:5353")
	d.window("pabal --lang ko config init")
	for _, step := range [][2]string{{"\n1. ", ""}, {"\n2. ", "무신상회 <news@example.com>"}, {"\n3. ", "무신상회"}, {"\n4. ", "서울시 중구 세종대로 110"}, {"\n5. ", "02-123-4567"},
		{"\n6. ", "https://mail.example.com"}, {"\n7. ", ""}, {"\n8. ", ""}, {"\n9. ", ""}, {"\n10. ", "ops@example.com"}, {"쓸까요?", ""}} {
		d.sees(step[0])
		d.write(step[1])
		d.press("Enter")
	}
	d.sees("에 썼습니다")
	d.screenOf("tmux capture-pane -p -S - | grep -v 'Pane is dead'")
	d.run("tmux kill-server; stat -c '%a %U %G' /etc/pabal/pabal.toml | grep '640 root pabal'")
	d.types(`sed -i 's|^endpoint = ""|endpoint = "http://127.0.0.1:4579"|; s|^resolver = ""|resolver = "127.0.0.1:5353"|' /etc/pabal/pabal.toml # in place of AWS and its DNS`)
	d.put("root/aws", "[default]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = example\n")
	d.types("install -m 600 aws /etc/pabal/credentials/aws && systemctl restart pabal")
	d.says("pabal status --json", `"rate":14`)
	d.fails("pabal doctor")
}

func (d *diary) domain() {
	d.chapter("domain")
	d.types("pabal domain setup example.com --format gabia")
	d.types("pabal domain setup example.com --format bind >records.zone")
	d.says("pabal domain check example.com", "all is set up right")
	d.types("pabal domain check example.com")
	d.types("pabal doctor")
}

func (d *diary) customers() {
	d.chapter("customers")
	rows := "이메일,이름,등급\r\n"
	for i := range diaryAudience {
		rows += fmt.Sprintf("shopper%03d@example.net,김하나%03d,%s\r\n", i, i, []string{"VIP", "일반"}[i%2])
	}
	d.inbox("customers.csv", rows)
	d.window("pabal --lang ko")
	d.shows("파발 › 홈")
	d.press("3")
	d.sees("아직 구독자가 없습니다")
	d.press("i")
	d.sees("customers.csv")
	d.press("Enter")
	d.shows("shopper000@example.net", "VIP")
	d.press("n")
	d.sees("120명을 가져옵니다")
	d.press("y")
	d.shows("✓ 완료")
	d.press("Enter")
	d.sees("shopper000@example.net")
}

func (d *diary) template() {
	d.chapter("template")
	var packed bytes.Buffer
	z := zip.NewWriter(&packed)
	for _, f := range []struct{ name, text string }{{"subject.txt", "(광고) {{Name}}님, 가을 세일"}, {"index.html", diaryLetter}} {
		w, err := z.Create(f.name)
		if err == nil {
			_, err = w.Write([]byte(f.text))
		}
		if err != nil {
			d.t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		d.t.Fatal(err)
	}
	d.inbox("autumn.zip", packed.String())
	d.press("4")
	d.sees("템플릿이 없습니다")
	d.press("i")
	d.sees("autumn.zip")
	d.press("Enter", "C-s")
	d.shows("템플릿 1판을 만들었습니다")
}

// campaign goes the wizard's way to the report.
func (d *diary) campaign() {
	d.chapter("campaign")
	d.press("Escape")
	d.sees("n 새 캠페인")
	d.press("n")
	d.sees("120")
	d.press("n")
	d.sees("이름, 보내는 사람, 내용을 채우세요")
	d.write("가을 세일 1차")
	d.press("Enter", "Enter", "Enter", "C-s")
	d.shows("1/120", "shopper000@example.net")
	d.press("Enter")
	d.shows("보내기 전 점검")
	d.press("Enter")
	d.shows("발송 계획과 확인")
	d.press("Enter")
	d.sees("120명에게 메일을 보냅니다")
	d.press("y")
	d.shows("▶ 발송 중")
	d.sees("✓ 완료")
	d.press("o")
	d.shows("발송 결과")
	d.run("tmux kill-server")
	if c := counts(d.machine); c.State != "done" || c.Accepted != diaryAudience {
		d.t.Errorf("%+v, want %d accepted", c, diaryAudience)
	}
}

func (d *diary) restart() {
	d.chapter("restart")
	d.types("systemctl restart pabal && pabal campaign list && pabal trace shopper007@example.net && pabal check")
}

// upgrade installs a second build while a campaign runs.
func (d *diary) upgrade() {
	d.chapter("upgrade")
	d.types("pabal campaign copy 1 && pabal campaign start 2 --yes --expect 120")
	d.until("the campaign is on its way", func() bool { return countsOf(d.machine, 2).Accepted > 10 })
	out := d.run("cd /root && apt-get install -y -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold ./pabal-later.deb 2>&1 | grep -E '^(Setting up|Installing new|Configuration)' || true")
	if c := countsOf(d.machine, 2); c.State == "done" {
		d.t.Errorf("the campaign was over before the upgrade: %+v", c)
	}
	d.note("apt install ./pabal-later.deb", out)
	d.types("pabal version && pabal campaign show 2")
	d.until("the campaign is done", func() bool { return countsOf(d.machine, 2).State == "done" })
	d.types("pabal campaign show 2 && pabal check")
	if c := countsOf(d.machine, 2); c.Accepted != diaryAudience || c.Unknown+c.Failed+c.Skipped != 0 {
		d.t.Errorf("%+v, want %d accepted and nothing else", c, diaryAudience)
	}
	if got := delivered(d.machine); got["shopper"] != 2*diaryAudience {
		d.t.Errorf("SES got %v, want each of %d people twice, once a campaign", got, diaryAudience)
	}
}

// backup loses the data folder, but for optouts.log, and restores it.
func (d *diary) backup() {
	d.chapter("backup")
	d.types("mkdir -m 700 /srv/backup && pabal backup --keep 3 /srv/backup")
	d.types("pabal subscriber set shopper007@example.net --unsubscribe")
	d.types("systemctl stop pabal && mkdir /root/lost && mv /var/lib/pabal/* /root/lost/")
	d.types("pabal restore /srv/backup/*.tar.zst --optouts /root/lost/optouts.log")
	d.types("systemctl start pabal && pabal status && pabal restore list")
	d.types("pabal restore release --yes && pabal check && pabal subscriber show shopper007@example.net")
	if count := d.run("pabal segment count --json"); !strings.Contains(count, `"unsubscribed":1`) {
		d.t.Errorf("the restored copy forgot who opted out: %s", count)
	}
}

func (d *diary) purge() {
	d.chapter("purge")
	out := d.run("apt-get purge -y -o Dpkg::Use-Pty=0 pabal 2>&1 | grep -E '^(Removing|Purging)'")
	d.note("apt purge pabal", out)
	if left := d.run(leftovers); left != "" {
		d.t.Errorf("left behind:\n%s", left)
	}
	d.types("ls -d /etc/pabal /var/lib/pabal /usr/bin/pabal 2>&1 || true")
}

const (
	diaryAudience = 120
	diaryLetter   = `<!DOCTYPE html><html lang="ko"><head><meta charset="utf-8"><title>가을 세일</title></head><body>
<h1>{{Name}}님께 드리는 가을 세일</h1>
<p>오늘부터 일주일 동안 코트와 니트를 20% 싸게 드립니다. {{default 등급 "회원"}} 고객께는 쿠폰을 한 장 더 드립니다.</p>
<p><a href="https://shop.example.com/autumn">세일 보러 가기</a></p>
<p>{{Company}}, {{Address}}, {{Phone}}, help@example.com<br>
수신을 원하지 않으시면 <a href="{{UnsubscribeURL}}">수신거부</a>를 눌러 주세요. If you do not want this mail, <a href="{{UnsubscribeURL}}">unsubscribe</a> here.</p>
</body></html>`
)

// inbox puts a file where the screens look for files, as scp would.
func (d *diary) inbox(name, text string) {
	d.t.Helper()
	d.put("root/"+name, text)
	d.run(fmt.Sprintf("install -o pabal -g pabal -m 640 /root/%[1]s /var/lib/pabal/inbox/%[1]s && touch -d '1 minute ago' /var/lib/pabal/inbox/%[1]s", name))
}
