package campaign

import (
	"context"
	"fmt"
	"io"
	"testing"

	"pabal/audience"
)

// BenchmarkPreflight looks at a million subscribers for the letter of 100 KB and
// for one with blocks.
func BenchmarkPreflight(b *testing.B) {
	const n = 1_000_000
	h, ctx := open(b, b.TempDir()), context.Background()
	h.store.Logger = nil
	h.store.Settings.Checks = Checks{AdLabel: "(광고)", ConsentYears: 2, SuppressedShare: 0.05}
	h.people.Topics = []audience.Topic{{ID: "sale", Korean: "세일", English: "Sale", Commercial: true, Default: true}}
	in, out := io.Pipe()
	go func() {
		_, _ = io.WriteString(out, "email,name,gender,points,coupon,subscribed\n")
		for i := range n {
			_, _ = fmt.Fprintf(out, "customer%07d@example.com,손님%d,%s,%d,FALL10,1\n", i, i, [3]string{"여", "남", ""}[i%3], i)
		}
		_ = out.Close()
	}()
	if _, err := h.people.ImportCSV(ctx, in, audience.ImportOptions{}); err != nil {
		b.Fatal(err)
	}
	values := map[string]string{"Body": "본문", "Items": `[{"title":"니트","price":"1,000"}]`}
	for _, name := range []string{"welcome", "welcome-blocks"} {
		b.Run(name, func(b *testing.B) {
			if _, err := h.store.PutTemplate(ctx, Template{Name: name, Subject: "(광고) {{Name}}님", HTML: readFile(b, "../testdata/"+name+".html")}); err != nil {
				b.Fatal(err)
			}
			c, err := h.store.Create(ctx, Campaign{Template: name, Topic: "sale", Values: values})
			if err != nil {
				b.Fatal(err)
			}
			cpu := cpuTime(b)
			for b.Loop() {
				p, err := h.store.Preflight(ctx, c.ID)
				if err != nil || p.Audience.Mailable != n {
					b.Fatal(p.Audience, err)
				}
			}
			b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(cpuTime(b)-cpu)/1e9/float64(b.N), "cpu-s")
			b.ReportMetric(float64(anonymous(b)>>20), "anon-MB")
		})
	}
}
