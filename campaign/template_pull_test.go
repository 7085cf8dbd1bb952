package campaign

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pabal/eml"
	"pabal/spool"
)

// stored is SES's store of templates, which counts.
type stored struct {
	html  string
	calls int
}

func (s *stored) StoredTemplate(_ context.Context, name string) (string, string, string, error) {
	if s.calls++; name != "welcome" {
		return "", "", "", &eml.Problem{What: "SES stores no template called " + name, Hint: "look"}
	}
	return "{{Name}}님", s.html, "", nil
}

func TestTemplateIsPulledOnce(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 200)
	ses := &stored{html: `<p>{{Name}}님</p><p>수신을 원하지 않으시면 <a href="#">여기</a>를 눌러 주세요.</p>`}
	h.store.Stored = ses
	for i := range 3 {
		got, err := h.store.PullTemplate(t.Context(), "welcome", PullOptions{})
		if err != nil || got.Version != 1 || got.New != (i == 0) || got.Asked != (i == 0) || len(got.Changes) != 1 || got.Pulled == "" {
			t.Fatalf("pull %d: %+v, %v", i, got, err)
		}
	}
	h.drain(t)
	c, err := h.store.Create(t.Context(), Campaign{Template: "welcome"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.store.Start(t.Context(), c.ID, 200); err != nil {
		t.Fatal(err)
	}
	if done := waitState(t, h.store, c.ID, spool.Done); done.Accepted != 200 || ses.calls != 1 {
		t.Errorf("%d accepted with %d calls, want 200 with 1", done.Accepted, ses.calls)
	}
	if html := readMail(t, h.ses.mails[0].Data).html; !strings.Contains(html, `/u/`) || strings.Contains(html, `"#"`) {
		t.Errorf("the link to refuse leads nowhere: %s", html)
	}
}

func TestRefreshAsksAndMakesAVersionOfWhatIsNew(t *testing.T) {
	h := open(t, t.TempDir())
	ses := &stored{html: "<p>one {{amazonSESUnsubscribeUrl}}</p>"}
	h.store.Stored = ses
	pull := func(o PullOptions) PullResult {
		t.Helper()
		got, err := h.store.PullTemplate(t.Context(), "welcome", o)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	pull(PullOptions{})
	if same := pull(PullOptions{Refresh: true}); same.New || !same.Asked || same.Version != 1 {
		t.Errorf("the same again: %+v", same)
	}
	ses.html = "<p>two</p>"
	if next := pull(PullOptions{Refresh: true}); !next.New || next.Version != 2 || len(next.Changes) != 0 {
		t.Errorf("after a change: %+v", next)
	}
	if old, err := h.store.Template("welcome", 1); err != nil || !strings.Contains(old.HTML, "one {{UnsubscribeURL}}") {
		t.Errorf("the old version is %+v, %v", old, err)
	}
	if _, err := h.store.PullTemplate(t.Context(), "nothere", PullOptions{}); err == nil || !strings.Contains(err.Error(), "nothere") {
		t.Errorf("of a name that is not there: %v", err)
	}
	if other := pull(PullOptions{As: "copy"}); other.Name != "copy" || other.Version != 1 {
		t.Errorf("under another name: %+v", other)
	}
	if ses.calls != 5 {
		t.Errorf("%d calls, want 5", ses.calls)
	}
}

func TestPullDoesNotReplaceATemplateOfOnesOwn(t *testing.T) {
	h := open(t, t.TempDir())
	h.store.Stored = &stored{html: "<p>x</p>"}
	if _, err := h.store.PutTemplate(t.Context(), Template{Name: "welcome", Subject: "s", HTML: simple}); err != nil {
		t.Fatal(err)
	}
	var problem *eml.Problem
	if _, err := h.store.PullTemplate(t.Context(), "welcome", PullOptions{}); !errors.As(err, &problem) || !strings.Contains(problem.Hint, "--as") {
		t.Errorf("got %v", err)
	}
	if got, err := h.store.PullTemplate(t.Context(), "welcome", PullOptions{Refresh: true}); err != nil || got.Version != 2 {
		t.Errorf("when told to: %+v, %v", got, err)
	}
}

func TestLinksThatRefuseAreFound(t *testing.T) {
	const dead, alive = `<a href="#">`, `<a href="{{UnsubscribeURL}}">`
	for _, c := range []struct{ name, source string }{
		{"its own words", `<p>DEAD수신거부</a></p>`},
		{"the sentence's words, in Korean", `<p>수신을 원하지 않으시면 DEAD여기</a>를 클릭하세요.</p>`},
		{"words behind the link", `<p>DEAD여기</a>를 누르면 수신 거부됩니다.</p>`},
		{"in English", `<td>If you no longer wish to receive these e-mails, click DEADhere</a>.</td>`},
		{"unsubscribe", `<p>KEEPShop</a> | DEADUnsubscribe</a> | KEEPPrivacy</a></p>`},
		{"only the one with the words, in one sentence", `<p>KEEP고객센터</a> DEAD무료수신거부</a> KEEP개인정보</a></p>`},
		{"the one behind the words", `<p>KEEP홈</a>에서, 수신을 원치 않으시면 DEAD여기</a></p>`},
		{"another sentence stays", `<p>KEEP여기</a>에서 더 보세요. 수신거부는 전화로 하세요.</p>`},
		{"another cell stays", `<tr><td>KEEP더 보기</a></td><td>수신거부는 080-123-4567</td></tr>`},
		{"an image without words stays", `<p>KEEP<img src="x.png"></a></p><p>수신거부 안내</p>`},
		{"words in bold inside the link", `<p><span>DEAD<b>구독 취소</b></a></span></p>`},
		{"no words at all", `<p>KEEPhere</a></p>`},
	} {
		source := strings.NewReplacer("DEAD", dead, "KEEP", dead).Replace(c.source)
		want := strings.NewReplacer("DEAD", alive, "KEEP", dead).Replace(c.source)
		got := adapted(Template{HTML: source})
		if got.HTML != want || len(got.Changes) != strings.Count(c.source, "DEAD") {
			t.Errorf("%s:\n%s became\n%s, with %d changes", c.name, source, got.HTML, len(got.Changes))
		}
	}
}

func TestChangesSayWhereTheyAre(t *testing.T) {
	got := adapted(Template{Subject: "s", Text: "a\n{{ AMAZONsesUnsubscribeURL }}", HTML: "<p>\n<a href='{{amazonSESUnsubscribeUrl}}'>x</a>\n<a href='#'>수신거부</a>"})
	want := "[{text 2 {{ AMAZONsesUnsubscribeURL }} {{UnsubscribeURL}} ses_unsubscribe} {html 2 {{amazonSESUnsubscribeUrl}} {{UnsubscribeURL}} ses_unsubscribe} {html 3 # {{UnsubscribeURL}} unsubscribe_hash}]"
	if fmt.Sprint(got.Changes) != want {
		t.Errorf("got\n%v\nwant\n%s", got.Changes, want)
	}
}

func FuzzAdaptLinks(f *testing.F) {
	f.Add(`<p>수신거부 <a href="#">여기</a></p>`)
	f.Add(`<a href=#><a href='#unsubscribe'>opt out. unsubscribe`)
	f.Fuzz(func(t *testing.T, source string) {
		var changes []TemplateChange
		got := adaptLinks(source, &changes)
		if len(changes) == 0 && got != source || strings.Count(got, ourLink) != strings.Count(source, ourLink)+len(changes) {
			t.Fatalf("%q became %q with %v", source, got, changes)
		}
	})
}

// A page of nothing but such links must not keep the daemon busy.
func TestManyLinksAreAdaptedInOneWalk(t *testing.T) {
	source := strings.Repeat("<p>수신거부 <a href=#>x</a>\n", 20_000)
	var changes []TemplateChange
	if got := adaptLinks(source, &changes); len(changes) != 20_000 || strings.Contains(got, "=#") || changes[19_999].Line != 20_000 {
		t.Errorf("%d changes, the last in line %d", len(changes), changes[len(changes)-1].Line)
	}
	if _, err := open(t, t.TempDir()).store.PutBundle(t.Context(), Template{Name: "x", Subject: "s"}, Bundle{HTML: manyImages(maxImages + 1)}); err == nil || !strings.Contains(err.Error(), "201 images") {
		t.Errorf("a page of %d images: %v", maxImages+1, err)
	}
}

func manyImages(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "<img src=%d.png>", i)
	}
	return b.String()
}
