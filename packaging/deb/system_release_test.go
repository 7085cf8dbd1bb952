//go:build release

// The release tests take the packages as users get them: built twice from fresh
// clones, installed into a Debian, booted with systemd, upgraded in the middle of
// a campaign, and purged. They need root, and the packages of
// testdata/release-apt.txt.
package main

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// release makes the packages of this commit in two clones, and those of a later
// version to upgrade to.
var release = sync.OnceValue(func() error {
	cmd := exec.Command("sh", "-euc", `
		for n in first second; do
			git clone -q ../.. "$1/$n.source"
			(cd "$1/$n.source" && make -s deb)
		done
		DEB_VERSION=99.0 DEB_COMPRESSION=gzip ./build "$1/later" amd64
		dpkg-deb -R "$1"/later/pabal_*.deb "$1/changed" # its configuration has a line more
		echo '# new' >>"$1/changed/etc/pabal/pabal.toml"
		dpkg-deb -Zgzip -b "$1/changed" "$1"/later/pabal_*.deb`, "sh", scratch)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make deb: %w\n%s", err, out)
	}
	return nil
})

// debs are the folders with this commit's packages and with the later ones.
func debs(t *testing.T) (now, later string) {
	t.Helper()
	if err := release(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(scratch, "first.source/bin/deb"), filepath.Join(scratch, "later")
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// TestMakeDebIsReproducible compares what two clones in two folders made.
func TestMakeDebIsReproducible(t *testing.T) {
	now, _ := debs(t)
	output(t, "diff", "-r", now, filepath.Join(scratch, "second.source/bin/deb"))
	for _, arch := range []string{"amd64", "arm64"} {
		path := glob(t, filepath.Join(now, "pabal_*_"+arch+".deb"))
		if got := output(t, "dpkg-deb", "-f", path, "Architecture"); strings.TrimSpace(got) != arch {
			t.Errorf("%s is for %s", path, got)
		}
	}
}

func TestLintianFindsNothingInARelease(t *testing.T) {
	now, _ := debs(t)
	paths, err := filepath.Glob(filepath.Join(now, "*.deb"))
	if err != nil || len(paths) != 3 {
		t.Fatalf("%v, %v", paths, err)
	}
	if found := output(t, "lintian", append([]string{"--allow-root", "--info", "--display-info", "--fail-on", "error,warning"}, paths...)...); strings.Contains(found, ": pabal") {
		t.Errorf("lintian says:\n%s", found)
	}
}

// TestInstallWithoutSystemdRunning is a chroot, where an image is made.
func TestInstallWithoutSystemdRunning(t *testing.T) {
	now, _ := debs(t)
	root := debian(t, glob(t, filepath.Join(now, "pabal_*_amd64.deb")), glob(t, filepath.Join(now, "pabal-mta_*.deb")))
	inside := func(line string) string {
		return output(t, "unshare", "--mount", "--pid", "--fork", "sh", "-euc", `mount -t proc proc "$1/proc"; exec chroot "$1" sh -euc "$2"`, "sh", root, line)
	}
	inside(`dpkg -i /root/pabal_*.deb /root/pabal-mta_*.deb </dev/null; [ -z "$(dpkg -V pabal pabal-mta)" ]; systemctl is-enabled pabal`)
	got := inside(`stat -c '%A %U %G %n' /etc/pabal /etc/pabal/pabal.toml /etc/pabal/credentials /var/spool/pabal-drop /var/spool/pabal-drop/bad /run/pabal-submit`)
	want := `drwxr-x--- root pabal /etc/pabal
-rw-r----- root pabal /etc/pabal/pabal.toml
drwx------ root root /etc/pabal/credentials
drwx-wx-wt pabal pabal /var/spool/pabal-drop
drwx------ pabal pabal /var/spool/pabal-drop/bad
drwxr-xr-x pabal pabal /run/pabal-submit
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	inside(`pabal config check; sendmail --help >/dev/null; dpkg --purge pabal-mta pabal </dev/null`)
	if left := inside(leftovers); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}

// TestLifeOnAHost is one machine from its installation to the purge.
func TestLifeOnAHost(t *testing.T) {
	now, later := debs(t)
	first, second := glob(t, filepath.Join(now, "pabal_*_amd64.deb")), glob(t, filepath.Join(later, "pabal_*_amd64.deb"))
	m := boot(t, debian(t, first, second, glob(t, filepath.Join(now, "pabal-mta_*.deb"))))

	m.run("dpkg -i /root/" + filepath.Base(first) + " /root/pabal-mta_*.deb </dev/null")
	m.says("systemctl is-active pabal", "active")
	m.says("systemctl show -p StatusText pabal", "queue 0, sending 0")
	for _, story := range []struct {
		name string
		tell func(*testing.T, *machine)
	}{
		{"the service is confined", confined},
		{"the account is set up", account},
		{"ports below 1024 are opened by systemd", lowPorts},
		{"every user may submit, members of the group may look", users},
		{"a reload ends nothing", reload},
		{"a daemon that is stuck is killed and started anew", stuck},
		{"what root does leaves nothing of root's", asRoot},
		{"an upgrade in a campaign loses nobody", func(t *testing.T, m *machine) { upgrade(t, m, filepath.Base(second)) }},
		{"removing keeps, purging removes", purge},
	} {
		if !t.Run(story.name, func(t *testing.T) { story.tell(t, &machine{t, m.root, m.leader}) }) {
			return
		}
	}
}

func confined(t *testing.T, m *machine) {
	got := m.run(`grep -E '^(CapEff|CapBnd|Seccomp|NoNewPrivs):' /proc/$(systemctl show -p MainPID --value pabal)/status`)
	want := "CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	m.run("systemd-analyze security --threshold=15 pabal.service")
}

// account gives pabal an SES, keys, and an address to send from.
func account(t *testing.T, m *machine) {
	m.run(`systemd-run --unit ses -p StateDirectory=ses pabal ses-emulator --listen 127.0.0.1:4579 --verified example.com --rate 150 --latency 150ms --dir /var/lib/ses`)
	m.put("etc/pabal/credentials/aws", "[default]\naws_access_key_id = AKIATEST\naws_secret_access_key = test\n")
	m.put("etc/pabal/credentials/mysql-dsn", "pabal:secret@tcp(127.0.0.1:1)/shop\n")
	m.run(`sed -i 's|^endpoint = ""|endpoint = "http://127.0.0.1:4579"|; s|^from = ""|from = "shop@example.com"|; s|^company = ""|company = "Shop"|; s|^address = ""|address = "Seoul"|; s|^phone = ""|phone = "02"|; s|^max_age_at_start = .*|max_age_at_start = "87600h"|' /etc/pabal/pabal.toml
		systemctl restart pabal`)
	m.says("pabal status --json", `"rate":150`)
	m.says("pabal status --json", "127.0.0.1:1") // the DSN arrived; nobody answers there
	if m.run("stat -c %a%U /run/credentials/pabal.service/pabal_aws") != "400pabal" {
		t.Error("the credential is not the service's alone")
	}
	m.run(`rm /etc/pabal/credentials/mysql-dsn`)
	certificate(m)
}

// certificate gives the SMTP server one whose key root alone may read.
func certificate(m *machine) {
	m.run(`openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout /etc/pabal/credentials/smtp.key -out /etc/pabal/smtp.pem 2>/dev/null
		chmod 644 /etc/pabal/smtp.pem; stat -c %a /etc/pabal/credentials/smtp.key | grep -q 600
		sed -i 's|^tls_certificate = ""|tls_certificate = "/etc/pabal/smtp.pem"|; s|^tls_key = ""|tls_key = "/run/credentials/pabal.service/pabal_smtp.key"|' /etc/pabal/pabal.toml
		systemctl restart pabal`)
	m.says(`printf 'EHLO x\r\nQUIT\r\n' | nc -w 5 127.0.0.1 2525`, "STARTTLS")
}

const letter = `From: Shop <shop@example.com>\r\nTo: <%[1]s>\r\nSubject: hi\r\n\r\nhi\r\n`

func lowPorts(t *testing.T, m *machine) {
	m.run(`systemctl enable -q pabal-smtp.socket pabal-submission.socket; systemctl restart pabal`)
	for _, where := range []string{"127.0.0.1 25", "::1 25", "127.0.0.1 587", "::1 587"} {
		if got := m.run(`printf 'QUIT\r\n' | nc -w 5 ` + where); !strings.HasPrefix(got, "220 ") {
			t.Errorf("%s says %q", where, got)
		}
	}
	if got := m.run(`systemctl show -p ActiveState --value pabal-smtp.socket`); got != "active" {
		t.Errorf("the socket is %s", got)
	}
}

func users(t *testing.T, m *machine) {
	m.run(`useradd -m minji; useradd -m -G pabal boss`)
	m.run(`printf '` + fmt.Sprintf(letter, "one@example.net") + `' | runuser -u minji -- sendmail -i -f shop@example.com one@example.net`)
	m.says("ls /var/lib/ses", ".eml")
	uid := m.run("id -u minji")
	m.says("cat /var/lib/ses/*.eml", "uid "+uid) // PrivateUsers would make it nobody's
	if out, err := m.try(`runuser -u minji -- pabal status`); err == nil || !strings.Contains(err.Error(), "become a member of the group") {
		t.Errorf("a user who is no member: %s, %v", out, err)
	}
	m.run(`runuser -u boss -- pabal status; runuser -u boss -- mailq`)

	m.run(`systemctl stop pabal pabal-smtp.socket pabal-submission.socket`)
	m.run(`printf '` + fmt.Sprintf(letter, "two@example.net") + `' | runuser -u minji -- sendmail -i -f shop@example.com two@example.net`)
	m.run(`systemctl start pabal`)
	m.says("cat /var/lib/ses/*.eml", "two@example.net")
}

func reload(t *testing.T, m *machine) {
	pid := m.run("systemctl show -p MainPID --value pabal")
	m.run("systemctl reload pabal")
	m.says("journalctl -u pabal --no-pager", `"certificate reloaded","setting":"smtp.tls_certificate"`)
	if got := m.run("systemctl show -p MainPID --value pabal; pabal status >/dev/null"); got != pid {
		t.Errorf("process %s became %s", pid, got)
	}
}

func stuck(t *testing.T, m *machine) {
	m.run(`mkdir /run/systemd/system/pabal.service.d; printf '[Service]\nWatchdogSec=3s\nRestartSec=0\n' >/run/systemd/system/pabal.service.d/test.conf
		systemctl daemon-reload; systemctl restart pabal`)
	pid := m.run("systemctl show -p MainPID --value pabal")
	m.run("kill -STOP " + pid)
	m.says("systemctl show -p NRestarts --value pabal", "1")
	m.says("systemctl is-active pabal", "active")
	if got := m.run("systemctl show -p MainPID --value pabal"); got == pid {
		t.Error("it is the same process")
	}
	m.run(`rm -r /run/systemd/system/pabal.service.d; systemctl daemon-reload; systemctl restart pabal`)
}

var addressed = regexp.MustCompile(`(?im)^To: .*?([a-z0-9]+@example\.net)`)

// upgrade installs the later version while a campaign of 3,000 is sent and
// applications submit, and counts what SES got.
func upgrade(t *testing.T, m *machine, deb string) {
	const audience = 3000
	rows := "email,name\n"
	for i := range audience {
		rows += fmt.Sprintf("c%d@example.net,C%d\n", i, i)
	}
	m.put("root/customers.csv", rows)
	m.put("root/welcome.html", `<p>Hello {{Name}}</p><p><a href="{{UnsubscribeURL}}">unsubscribe</a></p>`)
	m.run(`sed -i 's|^public_url = "" *# how|public_url = "https://mail.example.com" # how|' /etc/pabal/pabal.toml
		systemctl restart pabal; rm -f /var/lib/ses/*.eml
		pabal subscriber import /root/customers.csv; pabal template put welcome --subject 'Hello' --html /root/welcome.html
		pabal campaign create --template welcome; pabal campaign start 1 --yes --expect 3000`)
	m.until("the campaign is on its way", func() bool { return counts(m).Accepted > 200 })

	stop := submit(t, m)
	m.run("dpkg --force-confold -i /root/" + deb + " </dev/null; ls /etc/pabal/pabal.toml.dpkg-dist")
	before := counts(m)
	applications := stop()
	if before.Accepted == audience {
		t.Error("the campaign was over before the upgrade")
	}
	if got := m.run("pabal version"); !strings.HasPrefix(got, "pabal 99.0 ") {
		t.Errorf("version %q", got)
	}
	if got := m.run(`journalctl -u pabal -o cat --no-pager | grep '"msg":"starting"' | tail -1`); !strings.Contains(got, `"version":"99.0"`) {
		t.Errorf("the daemon is %s", got)
	}
	m.run(`grep -q '^endpoint = "http://127.0.0.1:4579"' /etc/pabal/pabal.toml`)
	m.until("the campaign is done", func() bool { return counts(m).State == "done" })
	if c := counts(m); c.Accepted != audience || c.Unknown+c.Failed+c.Skipped != 0 {
		t.Errorf("%+v, want %d accepted and nothing else", c, audience)
	}
	m.until("the applications' mail is sent", func() bool { return delivered(m)["app"] >= applications })
	if got := delivered(m); got["app"] != applications || got["c"] != audience || got["twice"] != 0 {
		t.Errorf("SES got %v, want %d of applications and %d of the campaign, none twice", got, applications, audience)
	}
	m.run("pabal check")
	t.Logf("%d mails of applications, %d of the campaign before the upgrade ended", applications, before.Accepted)
}

// asRoot runs by root what works without the daemon, which must find nothing
// then that it cannot open.
func asRoot(t *testing.T, m *machine) {
	m.run(`systemctl stop pabal.service pabal-smtp.socket pabal-submission.socket
		pabal check; pabal compact; pabal smtp-user add shop --generate; pabal smtp-user remove shop`)
	if _, err := m.try("pabal serve"); err == nil || !strings.Contains(err.Error(), "belongs to pabal") || !strings.Contains(err.Error(), "runuser -u pabal") {
		t.Errorf("serve by root: %v", err)
	}
	if left := m.run("find /var/lib/pabal ! -user pabal"); left != "" {
		t.Errorf("of root's:\n%s", left)
	}
	m.run("systemctl start pabal")
}

// submit is an application that never waits for anybody, until it is stopped; it
// says then how many mails it submitted.
func submit(t *testing.T, m *machine) (stop func() int) {
	end, ended := make(chan struct{}), make(chan int, 1)
	go func() {
		for n := 0; ; n++ {
			select {
			case <-end:
				ended <- n
				return
			default:
			}
			to := fmt.Sprintf("app%d@example.net", n)
			if _, err := m.try(fmt.Sprintf(`printf '`+letter+`' | sendmail -i -f shop@example.com %[1]s`, to)); err != nil {
				t.Errorf("sendmail during the upgrade: %v", err)
			}
		}
	}()
	stop = sync.OnceValue(func() int { close(end); return <-ended })
	t.Cleanup(func() { stop() })
	return stop
}

// campaignCounts is campaign show --json, as far as it is looked at.
type campaignCounts struct {
	State                              string
	Accepted, Unknown, Failed, Skipped int
}

func counts(m *machine) campaignCounts { return countsOf(m, 1) }

func countsOf(m *machine, campaign int) (c campaignCounts) {
	if out, err := m.try(fmt.Sprintf("pabal campaign show %d --json", campaign)); err == nil {
		_ = json.Unmarshal([]byte(out), &c) // zero: looked at again
	}
	return c
}

// delivered counts the mails SES has, by the letters of their address.
func delivered(m *machine) map[string]int {
	by, got := map[string]int{}, map[string]int{}
	for _, to := range addressed.FindAllStringSubmatch(m.run(`cd /var/lib/ses; find . -name '*.eml' -exec cat {} +`), -1) {
		if by[to[1]]++; by[to[1]] > 1 {
			got["twice"]++
		}
		got[strings.TrimRight(strings.TrimSuffix(to[1], "@example.net"), "0123456789")]++
	}
	return got
}

// leftovers lists what a purged pabal has left on a host, besides its user.
const leftovers = `find /etc /run /var /usr -path /run/systemd -prune -o -name '*pabal*' -print | grep -v '^/var/log/' || true`

func purge(t *testing.T, m *machine) {
	m.run("dpkg -r pabal-mta pabal </dev/null; ls /var/lib/pabal/queue.db /etc/pabal/pabal.toml; ! systemctl is-active pabal; ! ls /usr/bin/pabal")
	m.run("dpkg --purge pabal </dev/null; id pabal")
	if left := m.run(leftovers); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}
