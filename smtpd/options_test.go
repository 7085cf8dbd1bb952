package smtpd

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestOptionsAreReadAsSendmailDoes holds the table of options: what real
// programs call, and that no option eats a recipient or leaves its argument as
// one.
func TestOptionsAreReadAsSendmailDoes(t *testing.T) {
	to := []string{"a@example.net"}
	for _, c := range []struct {
		words string
		want  Options
	}{
		{"a@example.net", Options{Mode: ModeDeliver, Recipients: to}},
		{"-t -i", Options{Mode: ModeDeliver, FromHeader: true, KeepDots: true}},
		{"-ti", Options{Mode: ModeDeliver, FromHeader: true, KeepDots: true}},
		{"-oi -t -f shop@example.com", Options{Mode: ModeDeliver, FromHeader: true, KeepDots: true, From: "shop@example.com", FromSet: true}},
		{"-tifshop@example.com a@example.net", Options{Mode: ModeDeliver, FromHeader: true, KeepDots: true, From: "shop@example.com", FromSet: true, Recipients: to}},
		{"-FCronDaemon -i -odi -oem -oi -t -f <>", Options{Mode: ModeDeliver, FromHeader: true, KeepDots: true, Name: "CronDaemon", From: "<>", FromSet: true}},
		{"-FCronDaemon -odi -oem -oi -t -fkim", Options{Mode: ModeDeliver, FromHeader: true, KeepDots: true, Name: "CronDaemon", From: "kim", FromSet: true}},
		{"-r shop@example.com a@example.net", Options{Mode: ModeDeliver, From: "shop@example.com", FromSet: true, Recipients: to}},
		{"-B 8BITMIME -N never -R hdrs -V id a@example.net", Options{Mode: ModeDeliver, Recipients: to}},
		{"-C file -X log -L tag -h 3 -n -m -U -v -G -Am -Ac a@example.net", Options{Mode: ModeDeliver, Recipients: to}},
		{"-O k=v -p proto -d -d0.1 a@example.net -o7 -o8 -om -oQ/tmp", Options{Mode: ModeDeliver, Recipients: to}},
		{"-A m -e m -D log -M x -Q r a@example.net", Options{Mode: ModeDeliver, Recipients: to}},
		{"-o i a@example.net", Options{Mode: ModeDeliver, KeepDots: true, Recipients: to}},
		{"a@example.net -i", Options{Mode: ModeDeliver, KeepDots: true, Recipients: to}},
		{"-i -- -b@example.net a@example.net", Options{Mode: ModeDeliver, KeepDots: true, Recipients: []string{"-b@example.net", "a@example.net"}}},
		{"-bs", Options{Mode: ModeSMTP}},
		{"-b s", Options{Mode: ModeSMTP}},
		{"-bm a@example.net", Options{Mode: ModeDeliver, Recipients: to}},
		{"-bp", Options{Mode: ModeQueue}},
		{"-bi", Options{Mode: ModeAliases}},
		{"-I", Options{Mode: ModeAliases}},
		{"-q", Options{Mode: ModeFlush}},
		{"-q30m", Options{Mode: ModeFlush}},
		{"-bh", Options{Mode: ModeFlush}},
		{"-bH", Options{Mode: ModeFlush}},
		{"--json --config /x a@example.net", Options{Mode: ModeDeliver, JSON: true, Config: "/x", Recipients: to}},
		{"--help", Options{Mode: ModeHelp}},
	} {
		got, err := ParseOptions("sendmail", strings.Fields(c.words))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("sendmail %s:\n got %+v, %v\nwant %+v", c.words, got, err, c.want)
		}
	}
	for _, words := range []string{"-bd", "-bD", "-bv", "-bS", "-Z", "-t -f", "--nope", "-i9"} {
		if got, err := ParseOptions("sendmail", strings.Fields(words)); err == nil {
			t.Errorf("sendmail %s: got %+v, want a refusal", words, got)
		}
	}
	for name, mode := range map[string]Mode{"sendmail": ModeDeliver, "mailq": ModeQueue, "newaliases": ModeAliases} {
		if got, _ := ParseOptions(name, nil); got.Mode != mode {
			t.Errorf("%s is %s, want %s", name, got.Mode, mode)
		}
	}
	empty, err := ParseOptions("sendmail", []string{"-f", "", "a@example.net"})
	if err != nil || !empty.FromSet || empty.From != "" || !slices.Equal(empty.Recipients, to) {
		t.Errorf("-f '': %+v, %v", empty, err)
	}
}
