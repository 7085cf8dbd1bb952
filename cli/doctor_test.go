package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pabal/control"
	"pabal/sesclient"
	"pabal/sesclient/emulator"
	"pabal/smtpd"
	"pabal/spool"
)

func TestKernelsThatLoseSyncedWrites(t *testing.T) {
	for _, tt := range []struct {
		release, build, version string
		fault                   bool
	}{
		{"5.10.0-28-amd64", "#1 SMP Debian 5.10.209-2 (2024-01-31)", "5.10.209", false},
		{"5.10.0-8-amd64", "#1 SMP Debian 5.10.46-4 (2021-08-03)", "5.10.46", true},
		{"5.4.0-150-generic", "#167-Ubuntu SMP", "5.4.0", false},
		{"5.13.19", "#1 SMP", "5.13.19", true},
		{"5.15.26", "#1 SMP", "5.15.26", true},
		{"5.15.27", "#1 SMP", "5.15.27", false},
		{"6.12.5+", "#1 SMP PREEMPT_DYNAMIC", "6.12.5", false},
		{"odd", "odd", "odd", false},
	} {
		if version, fault := fastCommitFault(tt.release, tt.build); version != tt.version || fault != tt.fault {
			t.Errorf("%s %s: got %s, %t", tt.release, tt.build, version, fault)
		}
	}
}

func TestServiceIsJudged(t *testing.T) {
	for _, tt := range []struct{ shown, result, what string }{
		{"LoadState=not-found\nActiveState=inactive\n", checkSkip, "no unit"},
		{"LoadState=loaded\nActiveState=failed\nUnitFileState=enabled\n", checkWarn, "is failed"},
		{"LoadState=loaded\nActiveState=active\nUnitFileState=disabled\nNRestarts=0\n", checkWarn, "does not start"},
		{"LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nNRestarts=3\n", checkWarn, "3 times"},
		{"LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nNRestarts=0\n", checkPass, "runs"},
		{"", checkSkip, "no unit"},
	} {
		if result, what, how := judgeService(tt.shown); result != tt.result || !strings.Contains(what, tt.what) || (how == "") != (result != checkWarn) {
			t.Errorf("%q: got %s, %s, %s", tt.shown, result, what, how)
		}
	}
}

// told runs one check and returns what it wrote.
func told(t *testing.T, cfg *Config, check func(*examination, context.Context)) string {
	t.Helper()
	var out bytes.Buffer
	e := &examination{a: &app{stdout: &out}, cfg: cfg}
	check(e, t.Context())
	if e.err != nil {
		t.Fatal(e.err)
	}
	return out.String()
}

func TestClockThatIsWrongIsSaid(t *testing.T) {
	for skew, want := range map[time.Duration]string{0: "", 30 * time.Second: "[warn] clock: the clock is", -10 * time.Minute: "[fail] clock: the clock is"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", time.Now().Add(skew).UTC().Format(http.TimeFormat))
		}))
		cfg := defaults()
		cfg.SES.Endpoint = server.URL
		if got := told(t, cfg, (*examination).checkClock); !strings.HasPrefix(got, want) || want == "" && strings.Contains(got, "off SES's") {
			t.Errorf("%v: got %s", skew, got)
		}
		server.Close()
	}
}

func TestPortThatIsTakenIsSaid(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cfg := defaults()
	cfg.from = &origin{}
	cfg.SMTP.Listen, cfg.Web.Listen, cfg.Web.MetricsListen = []string{l.Addr().String()}, "127.0.0.1:0", ""
	got := told(t, cfg, (*examination).checkPorts)
	if !strings.Contains(got, "[fail] ports: "+l.Addr().String()+" is taken") || !strings.Contains(got, "[pass] ports: 127.0.0.1:0 can be had") {
		t.Errorf("got %s", got)
	}
}

func TestFolderThatCannotBeUsedIsSaid(t *testing.T) {
	cfg := defaults()
	cfg.DataDir = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(cfg.DataDir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := told(t, cfg, (*examination).checkFolder); !strings.HasPrefix(got, "[fail] data_folder:") {
		t.Errorf("got %s", got)
	}
}

// What SES refuses is named with the right that lacks.
func TestRightThatLacksIsNamed(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("HOME", t.TempDir())
	server, err := emulator.New(emulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "list-identities") {
			w.Header().Set("X-Amzn-ErrorType", "AccessDeniedException")
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"message":"User is not authorized to perform ses:ListEmailIdentities"}`))
			return
		}
		server.ServeHTTP(w, r)
	}))
	defer fake.Close()
	cfg := defaults()
	cfg.SES.Endpoint, cfg.from = fake.URL, &origin{}
	got := told(t, cfg, (*examination).checkAWS)
	if !strings.Contains(got, "[fail] aws: ses:ListEmailIdentities: ") || !strings.Contains(got, "--policy") || !strings.Contains(got, "[pass] aws: the credentials are good, and may ses:GetAccount, ses:ListSuppressedDestinations; ") {
		t.Errorf("got %s", got)
	}
}

// Something else behind the public address is no answer of ours.
func TestPublicAddressOfSomebodyElse(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }))
	defer other.Close()
	if _, err := reach(t.Context(), other.URL+"/healthz"); err == nil || !strings.Contains(err.Error(), "something else answers") {
		t.Errorf("got %v", err)
	}
}

// A user of the group who has no keys is told how the daemon's account is.
func TestKeysOfTheDaemonAloneAreNoFault(t *testing.T) {
	refused := &spool.SendError{Class: spool.Credentials, Text: "no AWS credentials"}
	good, bad := &control.Status{}, &control.Status{}
	good.SES = sesclient.Status{CheckedAt: time.Now(), SendingEnabled: true, Rate: 14, Quota24h: 50000, Region: "ap-northeast-2"}
	bad.SES = sesclient.Status{CheckedAt: time.Now(), Error: "expired"}
	for _, tt := range []struct {
		daemon *control.Status
		err    error
		alone  bool
	}{{nil, refused, false}, {&control.Status{}, refused, false}, {bad, refused, false}, {good, refused, true}, {good, errors.New("else"), false}} {
		if got := (&examination{daemon: tt.daemon}).daemonAlone(tt.err); got != tt.alone {
			t.Errorf("%+v, %v: got %t", tt.daemon, tt.err, got)
		}
	}
	cfg := defaults()
	got := told(t, cfg, func(e *examination, ctx context.Context) { e.daemon = good; e.checkAccount(ctx) })
	if !strings.Contains(got, "[pass] account: ap-northeast-2, 14 a second") {
		t.Errorf("got %s", got)
	}
}

// A certificate that ends, is another's, or whose key others read.
func TestCertificatesAreJudged(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cert.pem")
	if _, err := smtpd.SelfSigned("web", file, "mail.example.com"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		mode               os.FileMode
		host, result, what string
	}{{0o600, "mail.example.com", checkPass, "is good until"}, {0o600, "", checkPass, "is good until"},
		{0o600, "news.example.com", checkWarn, "is not for news.example.com"}, {0o644, "", checkWarn, "open to others (mode 0644)"}} {
		if err := os.Chmod(file, tt.mode); err != nil {
			t.Fatal(err)
		}
		if result, what, how := judgeCertificate("web", file, file, tt.host); result != tt.result || !strings.Contains(what, tt.what) || (how == "") != (result == checkPass) {
			t.Errorf("%+v: got %s, %s, %s", tt, result, what, how)
		}
	}
	cfg := defaults()
	cfg.SMTP.TLSCertificate, cfg.Web.TLSCertificate, cfg.Web.TLSKey = selfSigned, filepath.Join(t.TempDir(), "none"), "none"
	got := told(t, cfg, (*examination).checkCertificates)
	if !strings.Contains(got, "[pass] certificate: [smtp] has a self-signed one") || !strings.Contains(got, "[fail] certificate: [web] the certificate of [web] cannot be used") {
		t.Errorf("got %s", got)
	}
}

// The policy has the rights on the queue and the bucket that are configured.
func TestPolicyHasWhatTheConfigurationNeeds(t *testing.T) {
	cfg := defaults()
	text := func() string {
		policy, err := policyFor(cfg)
		if err != nil {
			t.Fatal(err)
		}
		out, err := json.Marshal(policy)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	if got := text(); !strings.Contains(got, `"ses:SendRawEmail"`) || strings.Contains(got, "sqs:") || strings.Contains(got, "s3:") {
		t.Errorf("without queue and bucket: %s", got)
	}
	cfg.Feedback.SQSQueueURL = "https://sqs.ap-northeast-2.amazonaws.com/123456789012/pabal-feedback"
	cfg.Images.Mode, cfg.Images.S3Bucket = "s3", "shop-images"
	got := text()
	for _, want := range []string{`"Action":["sqs:ReceiveMessage","sqs:DeleteMessage","sqs:GetQueueAttributes"],"Effect":"Allow","Resource":"arn:aws:sqs:ap-northeast-2:123456789012:pabal-feedback"`,
		`"Action":["s3:PutObject","s3:GetObject"],"Effect":"Allow","Resource":"arn:aws:s3:::shop-images/*"`} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %s:\n%s", want, got)
		}
	}
}
