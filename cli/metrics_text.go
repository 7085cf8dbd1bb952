package cli

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"pabal/spool"
)

// Kinds of metrics, as Prometheus' text format names them.
const (
	counter   = "counter"
	gauge     = "gauge"
	histogram = "histogram"
)

// metric is one name of /metrics. The list of them is at once what is written,
// what the documentation is compared with, and what the dashboard may ask for.
type metric struct {
	name   string // begins with pabal_, process_ or go_
	kind   string
	labels []string // names, in the order of samples.add
	help   string   // one line
	read   func(*reading, *samples)
}

// samples writes the values of one metric. (prometheus/client_golang would
// register and write them too, for nine modules and 2.9 MB more of the binary:
// 5.8 MB became 8.7 in an empty server. The values are not its own: each part
// counts for itself, and /metrics asks.)
type samples struct {
	out *bytes.Buffer
	*metric
}

// writeMetrics writes a list in Prometheus' text format, version 0.0.4.
func writeMetrics(out *bytes.Buffer, list []metric, r *reading) {
	for i := range list {
		m := &list[i]
		fmt.Fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", m.name, slashed(m.help, "\\\n"), m.name, m.kind)
		m.read(r, &samples{out, m})
	}
}

// add writes one value. The labels' values are in the order of their names.
func (s *samples) add(value float64, labels ...string) { s.line("", "", value, labels) }

// count is add for a whole number.
func (s *samples) count(n int64, labels ...string) { s.add(float64(n), labels...) }

// is is add for a condition: 1 while it holds, else 0.
func (s *samples) is(holds bool, labels ...string) {
	if holds {
		s.add(1, labels...)
		return
	}
	s.add(0, labels...)
}

// times writes a histogram.
func (s *samples) times(h spool.Histogram, labels ...string) {
	below := int64(0)
	for i, n := range h.Counts {
		bound := math.Inf(1)
		if i < len(h.Bounds) {
			bound = h.Bounds[i]
		}
		below += n
		s.line("_bucket", number(bound), float64(below), labels)
	}
	s.line("_sum", "", h.Sum, labels)
	s.line("_count", "", float64(below), labels)
}

func (s *samples) line(ending, bound string, value float64, labels []string) {
	if len(labels) != len(s.labels) {
		panic(fmt.Sprintf("metric %s has the labels %q and was given %q", s.name, s.labels, labels))
	}
	s.out.WriteString(s.name)
	s.out.WriteString(ending)
	before := byte('{')
	for i, name := range s.labels {
		s.label(before, name, labels[i])
		before = ','
	}
	if bound != "" {
		s.label(before, "le", bound)
		before = ','
	}
	if before == ',' {
		s.out.WriteByte('}')
	}
	s.out.WriteByte(' ')
	s.out.WriteString(number(value))
	s.out.WriteByte('\n')
}

func (s *samples) label(before byte, name, value string) {
	s.out.WriteByte(before)
	s.out.WriteString(name)
	s.out.WriteString(`="`)
	s.out.WriteString(slashed(strings.ToValidUTF8(value, "\uFFFD"), "\\\n\""))
	s.out.WriteByte('"')
}

// slashed is a text with a backslash before each of these characters, and n in
// place of a line's end.
func slashed(text, these string) string {
	if !strings.ContainsAny(text, these) {
		return text
	}
	var out strings.Builder
	for _, c := range text {
		if strings.ContainsRune(these, c) {
			out.WriteByte('\\')
		}
		if c == '\n' {
			c = 'n'
		}
		out.WriteRune(c)
	}
	return out.String()
}

// number is a value as Prometheus reads it.
func number(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "+Inf"
	case math.IsInf(v, -1):
		return "-Inf"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
