package sesclient

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pabal/spool"
)

// sendRequest is what a SendEmail call looks like on the wire.
type sendRequest struct {
	Content                        struct{ Raw struct{ Data []byte } }
	Destination                    map[string][]string
	EmailTags                      []struct{ Name, Value string }
	ConfigurationSetName           *string
	FromEmailAddress               *string
	FeedbackForwardingEmailAddress *string
}

func TestSendOnTheWire(t *testing.T) {
	for _, tls := range []bool{false, true} {
		fake := newFakeSES(t, tls)
		c := fake.client(t, "main")
		m := testMail(2000)
		m.From = "bounces@example.com"
		before := bytes.Clone(m.Data)
		for range 2 { // the second time from a used buffer
			id, err := c.Send(t.Context(), m)
			if err != nil || id != "0100-accepted" {
				t.Fatalf("%q, %v", id, err)
			}
		}
		requests := fake.got()
		if len(requests) != 2 || requests[1].path != "/v2/email/outbound-emails" {
			t.Fatalf("requests %v", requests)
		}
		var in sendRequest
		if err := json.Unmarshal(requests[1].body, &in); err != nil {
			t.Fatal(err)
		}
		if want := "X-Pabal-Id: st0re-3-7-1\r\n" + string(before); string(in.Content.Raw.Data) != want {
			t.Errorf("raw mail begins %.80q, want %.80q", in.Content.Raw.Data, want)
		}
		if !bytes.Equal(m.Data, before) {
			t.Error("the message's own bytes were changed")
		}
		if to := in.Destination["ToAddresses"]; len(to) != 1 || to[0] != m.To || len(in.Destination) != 1 {
			t.Errorf("destination %v, want the one recipient", in.Destination)
		}
		if len(in.EmailTags) != 1 || in.EmailTags[0].Name != "pabal" || in.EmailTags[0].Value != m.Tag {
			t.Errorf("tags %v", in.EmailTags)
		}
		if in.ConfigurationSetName == nil || *in.ConfigurationSetName != "main" {
			t.Errorf("configuration set %v", in.ConfigurationSetName)
		}
		if in.FromEmailAddress != nil || in.FeedbackForwardingEmailAddress != nil {
			t.Error("a From or feedback address was given: SES would rewrite or refuse the mail")
		}
	}
}

func TestMailWithoutTagGoesUnchanged(t *testing.T) {
	fake := newFakeSES(t, false)
	m := testMail(100)
	m.Tag = ""
	if _, err := fake.client(t, "").Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	var in sendRequest
	if err := json.Unmarshal(fake.got()[0].body, &in); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(in.Content.Raw.Data, m.Data) || in.EmailTags != nil || in.ConfigurationSetName != nil {
		t.Errorf("%+v", in)
	}
}

// Buffers are shared between calls; mails must not be.
func TestCallsAtTheSameTimeDoNotMix(t *testing.T) {
	fake := newFakeSES(t, false)
	c := fake.client(t, "")
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			m := testMail(10)
			m.Tag = "tag" + strings.Repeat("x", i)
			m.Data = append(m.Data, strings.Repeat("body of "+m.Tag+"\r\n", 1+i*7)...)
			if _, err := c.Send(t.Context(), m); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, r := range fake.got() {
		var in sendRequest
		if err := json.Unmarshal(r.body, &in); err != nil {
			t.Fatal(err)
		}
		raw, tag := string(in.Content.Raw.Data), in.EmailTags[0].Value
		if !strings.HasPrefix(raw, "X-Pabal-Id: "+tag+"\r\n") || strings.Count(raw, "body of "+tag+"\r\n") != 1+(len(tag)-3)*7 {
			t.Errorf("mail of %s holds other bytes", tag)
		}
	}
	if n := c.Status().InFlight; n != 0 {
		t.Errorf("%d in flight after all", n)
	}
}

func TestCallLimitGrowsWithSize(t *testing.T) {
	for bytes, want := range map[int]time.Duration{0: 15 * time.Second, 256 << 10: 16 * time.Second, 40 << 20: 175 * time.Second} {
		if got := callLimit(bytes); got != want {
			t.Errorf("%d bytes: %s, want %s", bytes, got, want)
		}
	}
}

func TestConnectionsAreKept(t *testing.T) {
	fake := newFakeSES(t, true)
	var mu sync.Mutex
	remotes, arrived, together := map[string]bool{}, 0, make(chan struct{})
	fake.answers(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		remotes[r.RemoteAddr] = true
		all := together
		if arrived++; arrived%16 == 0 {
			close(together)
			together = make(chan struct{})
		}
		mu.Unlock()
		<-all // 16 calls are open at once
		writeJSON(w, map[string]string{"MessageId": "1"})
	})
	c := fake.client(t, "")
	for range 10 {
		var crowd sync.WaitGroup
		for range 16 {
			crowd.Go(func() {
				if _, err := c.Send(t.Context(), testMail(10)); err != nil {
					t.Error(err)
				}
			})
		}
		crowd.Wait()
	}
	if len(remotes) > 40 { // one is now and then returned late; with the standard 10 idle ones it is about 70
		t.Errorf("%d connections for 16 calls at a time, ten times", len(remotes))
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(home, "none"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for what, o := range map[string]Options{
		"ses.region":     {},
		"is not a base ": {Region: "eu-west-1", Endpoint: "127.0.0.1:4579"},
		"http://127.0.0": {Region: "eu-west-1", Endpoint: "ftp://127.0.0.1"},
		"not PEM":        {Region: "eu-west-1", RootPEM: []byte("rubbish")},
	} {
		if _, err := New(t.Context(), o); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%+v: got %v, want an error with %q", o, err, what)
		}
	}
	if _, err := New(t.Context(), Options{Region: "ap-northeast-2"}); err != nil {
		t.Errorf("without credentials: %v; New makes no call", err)
	}
}

// AWS_CA_BUNDLE is how companies with an inspecting proxy run the SDK.
func TestCABundleOfTheEnvironmentIsUsed(t *testing.T) {
	fake := newFakeSES(t, true)
	withRoot := fake.client(t, "")
	if _, err := withRoot.Send(t.Context(), testMail(10)); err != nil {
		t.Fatal(err)
	}
	bundle := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(bundle, fakePEM(fake), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CA_BUNDLE", bundle)
	c := newClient(t, Options{Region: "eu-west-1", Endpoint: fake.URL, Credentials: Credentials{"a", "b"}})
	if _, err := c.Send(t.Context(), testMail(10)); err != nil {
		t.Errorf("with AWS_CA_BUNDLE: %v", err)
	}
}

var _ spool.Sender = (*Client)(nil)
var _ spool.Pace = (*Pace)(nil)
