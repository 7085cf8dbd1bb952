package campaign

import (
	"slices"
	"strings"
	"testing"
)

func TestImageReferencesAreFound(t *testing.T) {
	for _, c := range []struct{ source, want string }{
		{`<img src="hero.png" alt="x">`, "hero.png"},
		{`<IMG SRC=hero.png>`, "hero.png"},
		{`<img alt='a > b' src='img/히어로.png' />`, "img/히어로.png"},
		{`<img src=" ./img/a.png ">`, "img/a.png"},
		{`<img src="/img/a.png?v=2#x">`, "img/a.png"},
		{`<img src="img%20x/a%2Bb.png">`, "img x/a+b.png"},
		{`<img src="a&amp;b.png">`, "a&b.png"},
		{`<img src="images\a.png">`, "images/a.png"},
		{`<img src="file:///C:/Users/kim/hero.png"><img src="C:\Users\kim\two.png">`, "hero.png two.png"},
		{`<img src="../up.png">`, "up.png"},
		{`<img srcset="a.png 1x, b.png 2x,c.png" src="d.png">`, "a.png b.png c.png d.png"},
		{`<td background="bg.jpg">`, "bg.jpg"},
		{`<div style="background-image: url('a.png'); x: URL( b.png )">`, "a.png b.png"},
		{`<div style="background:url(&quot;a.png&quot;)">`, "a.png"},
		{`<style>@media x { .a { background: url("a.png") no-repeat, url(b.png) } } @font-face { src: url(f.woff2) }</style>`, "a.png b.png"},
		{`<!--[if mso]><v:fill type="frame" src="bg.png" /><![endif]-->`, "bg.png"},
		{`<!-- <img src="old.png"> -->`, ""},
		{`<img src="https://cdn.example/a.png"><img src="//cdn.example/b.png"><img src="cid:a"><img src="data:image/png;base64,AA=="><img src="#">`, ""},
		{`<img src="{{Picture}}"><img src="{{Base}}/a.png"><img src={{Picture}} alt="b.png">`, ""},
		{`<img {{#if A}}src="a.png"{{else}}src="b.png"{{/if}}>`, "a.png b.png"},
		{`<img src="{{default Picture "x>.png"}}"><img src="a.png">`, "a.png"},
		{`<td {{#if A}}background="a.png"{{/if}}>`, "a.png"},
		{`{{#each l}}<img src="a.png">{{/each}}<img src="a.png">`, "a.png"},
		{`<script src="x.js"></script><iframe src="y.png"></iframe><a href="z.png">`, ""},
		{`<textarea><img src="a.png"></textarea>`, ""},
	} {
		if got := strings.Join(imageNames(c.source), " "); got != c.want {
			t.Errorf("%s: got %q, want %q", c.source, got, c.want)
		}
	}
}

func TestPlacedImagesChangeNothingElse(t *testing.T) {
	source := `<style>.h{background:url(bg.png)}</style><p>bg.png</p>{{! bg.png }}<img srcset="bg.png 1x, https://x.example/y.png 2x" src='bg.png' alt="bg.png">{{#if Name}}<td background=bg.png>{{/if}}`
	want := `<style>.h{background:url(https://m.example/i/1.png)}</style><p>bg.png</p>{{! bg.png }}<img srcset="https://m.example/i/1.png 1x, https://x.example/y.png 2x" src='https://m.example/i/1.png' alt="bg.png">{{#if Name}}<td background=https://m.example/i/1.png>{{/if}}`
	if got := placeImages(source, func(string) string { return "https://m.example/i/1.png" }); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := placeImages(source, func(string) string { return "" }); got != source {
		t.Errorf("left as it is, it became\n%s", got)
	}
}

func FuzzImageReferences(f *testing.F) {
	for _, s := range []string{`<img src="a.png">`, `<style>url(`, `<!--[if mso]><img src=x`, "<img srcset=', ,a ,b 1x'", "{{#if a}}<td background={{b}}c>", "<a\x01b=c", "\x00<x y='"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		last := 0
		for _, r := range imageReferences(source) {
			if r.from < 0 || r.to <= r.from || r.to > len(source) {
				t.Fatalf("%q: %d to %d", source, r.from, r.to)
			}
			if r.from < last {
				continue // in a comment that lies in a comment
			}
			last = r.to
			if name := imageName(r.value); strings.HasPrefix(name, "/") || slices.Contains(strings.Split(name, "/"), "..") {
				t.Fatalf("%q: name %q leaves the folder", source, name)
			}
		}
		if got := placeImages(source, func(string) string { return "" }); got != source {
			t.Fatalf("%q became %q", source, got)
		}
		placed := placeImages(source, func(string) string { return "https://m.example/i/1.png" })
		if again := placeImages(placed, func(string) string { return "!" }); again != placed {
			for _, name := range imageNames(placed) {
				t.Logf("still there: %q", name)
			}
			t.Fatalf("%q placed is %q: its addresses are not read back", source, placed)
		}
	})
}
