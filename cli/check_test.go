package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"pabal/audience"
	"pabal/campaign"
	"pabal/control"
	"pabal/sesclient"
	"pabal/sesclient/emulator"
	"pabal/spool"
	"pabal/store"
	"pabal/testdata"
)

// TestFailedSyncOfAnyStoreEndsTheDaemon: nothing is acknowledged after it, and
// the daemon ends by itself and says why.
func TestFailedSyncOfAnyStoreEndsTheDaemon(t *testing.T) {
	for name, write := range map[string]func(ctx context.Context, c *control.Client) error{
		spool.LedgerFile: func(ctx context.Context, c *control.Client) error {
			_, err := c.Hold(ctx, spool.LaneScope(spool.Bulk), "test")
			return err
		},
		audience.FileName: func(ctx context.Context, c *control.Client) error {
			_, err := c.Suppress(ctx, "a@example.com", "test")
			return err
		},
		campaign.FileName: func(ctx context.Context, c *control.Client) error {
			_, err := c.PutTemplate(ctx, campaign.Template{Name: "hello", Subject: "s", HTML: "<p>x</p>"})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			ses, err := emulator.New(emulator.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer ses.Close()
			url, _, err := ses.Listen(t.Context(), "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			dir, err := os.MkdirTemp("", "pabal")
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			cfg, forget, err := demoConfig(dir, url)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = forget() }()
			ready, ended := make(chan struct{}), make(chan error, 1)
			go func() {
				ended <- serve(t.Context(), cfg, slog.New(slog.DiscardHandler), sesclient.Credentials{AccessKey: "a", SecretKey: "s"}, nil, func(addresses) { close(ready) })
			}()
			select {
			case <-ready:
			case err := <-ended:
				t.Fatal(err)
			}
			if err := testdata.BreakSync(filepath.Join(cfg.DataDir, name)); err != nil {
				t.Fatal(err)
			}
			c := control.NewClient(cfg.Control.Socket, "test")
			defer c.Close()
			if err := write(t.Context(), c); err == nil {
				t.Error("what is not on disk was acknowledged")
			}
			select {
			case err := <-ended:
				if what, hint := parts(err); !errors.Is(err, store.ErrBroken) || !strings.Contains(what, name+" could not be written") || hint == "" {
					t.Errorf("ended with %q, %q", what, hint)
				}
			case <-time.After(15 * time.Second):
				t.Fatal("the daemon goes on")
			}
		})
	}
}

// says runs a command of the real binary and returns what it said.
func (h *host) says(args ...string) (code int, stdout, stderr string) {
	h.t.Helper()
	cmd := exec.Command("pabal", args...)
	var out, errs bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = h.env, &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		h.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// TestCheckAndCompactWithoutADaemon are what an operator has when it does not
// start, or before a backup is thrown away.
func TestCheckAndCompactWithoutADaemon(t *testing.T) {
	h := newHost(t, emulator.Options{Rate: 3000, Quota: -1, Keep: -1})
	if code, _, stderr := h.says("check"); code != exitFailed || !strings.Contains(stderr, "data folder cannot be used") {
		t.Errorf("without a store: %d %s", code, stderr)
	}
	p := h.serve()
	id := startCampaign(t, h.client(), 50)
	waitDone(t.Context(), t, h.client(), id)
	if code, _, stderr := h.says("compact"); code != exitFailed || !strings.Contains(stderr, "another pabal (process ") {
		t.Errorf("compact beside the daemon: %d %s", code, stderr)
	}
	code, live, stderr := h.says("check", "--json")
	if code != exitDone {
		t.Errorf("check by the daemon: %d %s%s", code, live, stderr)
	}
	p.kill()
	var found control.Check
	code, out, stderr := h.says("check", "--json")
	if err := json.Unmarshal([]byte(out), &found); err != nil || code != exitDone || found.Rows != 50 || !found.Clean() {
		t.Errorf("check after a kill: %d %s%s, %v", code, out, stderr, err)
	}
	if out != live {
		t.Errorf("check of the files: %s, by the daemon: %s", out, live)
	}
	if code, out, stderr := h.says("compact"); code != exitDone || !strings.Contains(out, "queue.db") {
		t.Errorf("compact: %d %s%s", code, out, stderr)
	}
	p = h.serve()
	if c, err := h.client().Campaign(t.Context(), id); err != nil || c.Accepted != 50 {
		t.Errorf("after it: %+v, %v", c, err)
	}
	h.stop(p)
}

// TestDamagedStoreIsToldByCheckAndByTheStart: neither ends with a trace, the
// file is left alone, and the sound ones are checked all the same.
func TestDamagedStoreIsToldByCheckAndByTheStart(t *testing.T) {
	h := newHost(t, emulator.Options{Rate: 3000, Quota: -1, Keep: -1})
	p := h.serve()
	id := startCampaign(t, h.client(), 500)
	waitDone(t.Context(), t, h.client(), id)
	h.stop(p)
	path := filepath.Join(h.dir, "data", spool.LedgerFile)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	clear(b[2*4096:]) // all but the heads
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	var found control.Check
	code, out, stderr := h.says("check", "--json")
	if err := json.Unmarshal([]byte(out), &found); err != nil || code != exitFailed || len(found.All()) != 1 || !strings.Contains(found.Faults[0], path+" is damaged") {
		t.Errorf("check: %d %s%s, %v", code, out, stderr, err)
	}
	code, _, stderr = h.says("serve")
	if code != exitFailed || !strings.Contains(stderr, path+" is damaged") || !strings.Contains(stderr, "restore the newest backup") || strings.Contains(stderr, "goroutine") {
		t.Errorf("serve: %d %s", code, stderr)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, b) {
		t.Errorf("the file was touched, %v", err)
	}
}

// TestCheckNamesWhatDoesNotHold takes an entry from an index of each file: the
// daemon starts on them, and check names each, beside it and without it.
func TestCheckNamesWhatDoesNotHold(t *testing.T) {
	h := newHost(t, emulator.Options{Rate: 3000, Quota: -1, Keep: -1})
	p := h.serve()
	waitDone(t.Context(), t, h.client(), startCampaign(t, h.client(), 50))
	h.stop(p)
	wants := []string{"has the SES id", "is not in the e-mail index", "is not in the index of names"}
	for file, index := range map[string]string{spool.LedgerFile: "ses", audience.FileName: "email", campaign.FileName: "names"} {
		if err := takeFirst(filepath.Join(h.dir, "data", file), index); err != nil {
			t.Fatal(err)
		}
	}
	look := func(how string) {
		var found control.Check
		code, out, stderr := h.says("check", "--json")
		err := json.Unmarshal([]byte(out), &found)
		said := strings.Join(found.All(), "\n")
		for _, want := range wants {
			if err != nil || code != exitFailed || !strings.Contains(said, want) || !strings.Contains(stderr, `"hint"`) {
				t.Errorf("%s: want %q in exit code %d, %s%s, %v", how, want, code, out, stderr, err)
			}
		}
	}
	p = h.serve()
	look("beside the daemon")
	h.stop(p)
	look("without one")
}

// takeFirst takes the first entry from a bucket of a file.
func takeFirst(path, bucket string) error {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoFreelistSync: true})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(bucket)).Cursor()
		c.First()
		return c.Delete()
	})
	return errors.Join(err, db.Close())
}
