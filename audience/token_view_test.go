package audience

import (
	"errors"
	"testing"
	"time"
)

func TestLetterTokensOpenWhatTheyWereMadeFor(t *testing.T) {
	s := openAt(t, t.TempDir())
	until := time.Now().Add(15 * time.Minute)
	for _, n := range [][2]uint64{{1, 1}, {42, 7}, {1<<63 - 1, 1<<63 - 1}} {
		view, preview := s.ViewToken(n[0], n[1]), s.PreviewToken(n[0], n[1], until)
		if len(view) > maxToken || len(preview) > maxToken {
			t.Errorf("%d and %d characters", len(view), len(preview))
		}
		if sub, campaign, err := s.VerifyView(view); err != nil || sub != n[0] || campaign != n[1] {
			t.Errorf("view: %d, %d, %v, want %v", sub, campaign, err, n)
		}
		if sub, campaign, err := s.VerifyPreview(preview); err != nil || sub != n[0] || campaign != n[1] {
			t.Errorf("preview: %d, %d, %v, want %v", sub, campaign, err, n)
		}
	}
}

// No kind of link passes for another: a letter that is shown around must not
// become the power to unsubscribe somebody.
func TestLetterTokensAreNoOtherTokens(t *testing.T) {
	s := openAt(t, t.TempDir())
	view, preview, out := s.ViewToken(42, 7), s.PreviewToken(42, 7, time.Now().Add(time.Hour)), s.Token(42, 7)
	for name, verify := range map[string]func() error{
		"view as unsubscribe":    func() error { _, _, err := s.Verify(view); return err },
		"preview as unsubscribe": func() error { _, _, err := s.Verify(preview); return err },
		"view as confirm":        func() error { _, err := s.openConfirm(view); return err },
		"preview as confirm":     func() error { _, err := s.openConfirm(preview); return err },
		"unsubscribe as view":    func() error { _, _, err := s.VerifyView(out); return err },
		"preview as view":        func() error { _, _, err := s.VerifyView(preview); return err },
		"unsubscribe as preview": func() error { _, _, err := s.VerifyPreview(out); return err },
		"view as preview":        func() error { _, _, err := s.VerifyPreview(view); return err },
	} {
		if err := verify(); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTamperedLetterTokensAreRefused(t *testing.T) {
	s := openAt(t, t.TempDir())
	until := time.Now().Add(time.Hour)
	for kind, token := range map[string]string{"view": s.ViewToken(42, 7), "preview": s.PreviewToken(42, 7, until)} {
		for i := range token {
			for _, c := range []byte("AZaz09-_") {
				if token[i] == c {
					continue
				}
				bad := token[:i] + string(c) + token[i+1:]
				_, _, viewErr := s.VerifyView(bad)
				_, _, previewErr := s.VerifyPreview(bad)
				if !errors.Is(viewErr, ErrToken) || !errors.Is(previewErr, ErrToken) {
					t.Fatalf("%s changed at %d to %s opens: %v, %v", kind, i, bad, viewErr, previewErr)
				}
			}
		}
	}
}

func TestPreviewTokenRunsOut(t *testing.T) {
	s := openAt(t, t.TempDir())
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	s.Now = func() time.Time { return now }
	token := s.PreviewToken(42, 7, now.Add(15*time.Minute))
	now = now.Add(15*time.Minute - time.Second)
	if _, _, err := s.VerifyPreview(token); err != nil {
		t.Errorf("before its end: %v", err)
	}
	now = now.Add(time.Second)
	if _, _, err := s.VerifyPreview(token); !errors.Is(err, ErrToken) {
		t.Errorf("at its end: %v", err)
	}
}

func FuzzLetterToken(f *testing.F) {
	s := openAt(f, f.TempDir())
	f.Add(s.ViewToken(42, 7))
	f.Add(s.PreviewToken(42, 7, time.Now().Add(time.Hour)))
	f.Add("")
	good := map[string]bool{s.ViewToken(42, 7): true}
	f.Fuzz(func(t *testing.T, token string) {
		sub, campaign, err := s.VerifyView(token)
		if err == nil && !good[token] && s.ViewToken(sub, campaign) != token {
			t.Fatalf("%q opens as %d, %d", token, sub, campaign)
		}
		if _, _, err := s.VerifyPreview(token); err != nil && !errors.Is(err, ErrToken) {
			t.Fatalf("%q: %v", token, err)
		}
	})
}
