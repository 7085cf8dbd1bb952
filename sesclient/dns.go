package sesclient

// A small DNS client. The system's resolver follows CNAME records and does not
// say where they led, nor whether a name is there; a domain that is set up
// wrongly is told apart by just that.

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	dnsTry      = 2 * time.Second // to one server
	dnsRounds   = 2               // over the servers
	dnsServers  = 3               // of resolv.conf, as resolv.conf(5) has it
	dnsUDPSize  = 1232            // the answer asked for at most, DNS flag day 2020; a longer one comes by TCP
	dnsRecords  = 100             // of one answer, the rest is not looked at
	dnsText     = 4 << 10         // bytes of one TXT record, the rest is left off
	resolvConf  = "/etc/resolv.conf"
	dnsLoopback = "127.0.0.1:53" // where there is no resolv.conf (resolv.conf(5))
)

// dnsClient asks DNS servers that resolve for others. Its methods may be called
// at the same time.
type dnsClient struct {
	server string // host:port; "" is the system's, read anew for each question
}

// resolver asks the server at address ("" the system's).
func resolver(address string) *dnsClient { return &dnsClient{server: address} }

// dnsAnswer is what a server said of one name and type. All of it is foreign text.
type dnsAnswer struct {
	exists bool     // the name, with this type or another
	alias  string   // where the name itself leads (CNAME), without the last dot, in lower case; "" nowhere
	texts  []string // TXT, the strings of each joined
	hosts  []string // MX as "10 mx.example.com"
	addrs  int      // A
}

func (a *dnsAnswer) empty() bool { return a.alias == "" && len(a.texts)+len(a.hosts)+a.addrs == 0 }

// ask puts a question to one server after the other. An answer that there is no
// such record is no error; that nobody knew is.
func (c *dnsClient) ask(ctx context.Context, name string, kind dnsmessage.Type) (dnsAnswer, error) {
	question, id, err := dnsQuestion(name, kind)
	if err != nil {
		return dnsAnswer{}, nil // no name at all has no records
	}
	err = errors.New("no DNS server is set")
	for range dnsRounds {
		for _, server := range c.servers() {
			var a dnsAnswer
			if a, err = exchange(ctx, server, question, id); err == nil {
				return a, nil
			}
			if ctx.Err() != nil {
				return a, fmt.Errorf("ask %s about %s: %w", server, name, err)
			}
			err = fmt.Errorf("ask %s about %s: %w", server, name, err)
		}
	}
	return dnsAnswer{}, err
}

func (c *dnsClient) servers() []string {
	if c.server != "" {
		return []string{c.server}
	}
	conf, err := os.ReadFile(resolvConf)
	if err != nil {
		return []string{dnsLoopback}
	}
	return nameservers(string(conf))
}

// nameservers are those of a resolv.conf.
func nameservers(conf string) (out []string) {
	for line := range strings.Lines(conf) {
		words := strings.Fields(line)
		if len(words) < 2 || words[0] != "nameserver" || len(out) == dnsServers {
			continue
		}
		if addr, err := netip.ParseAddr(words[1]); err == nil {
			out = append(out, netip.AddrPortFrom(addr, 53).String())
		}
	}
	if len(out) == 0 {
		return []string{dnsLoopback}
	}
	return out
}

func dnsQuestion(name string, kind dnsmessage.Type) (packet []byte, id uint16, err error) {
	full, err := dnsmessage.NewName(strings.TrimSuffix(name, ".") + ".")
	if err != nil {
		return nil, 0, err
	}
	id = uint16(rand.Uint32())
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: full, Type: kind, Class: dnsmessage.ClassINET}},
	}
	var size dnsmessage.ResourceHeader
	if err := size.SetEDNS0(dnsUDPSize, dnsmessage.RCodeSuccess, false); err != nil {
		return nil, 0, err
	}
	m.Additionals = []dnsmessage.Resource{{Header: size, Body: &dnsmessage.OPTResource{}}}
	packet, err = m.Pack()
	return packet, id, err
}

// exchange asks by UDP, and by TCP when the answer was cut.
func exchange(ctx context.Context, server string, question []byte, id uint16) (dnsAnswer, error) {
	a, cut, err := byUDP(ctx, server, question, id)
	if err == nil && cut {
		return byTCP(ctx, server, question, id)
	}
	return a, err
}

func dialDNS(ctx context.Context, network, server string) (net.Conn, error) {
	d := net.Dialer{Timeout: dnsTry}
	conn, err := d.DialContext(ctx, network, server)
	if err != nil {
		return nil, err
	}
	until := time.Now().Add(dnsTry)
	if end, ok := ctx.Deadline(); ok && end.Before(until) {
		until = end
	}
	return conn, conn.SetDeadline(until)
}

func byUDP(ctx context.Context, server string, question []byte, id uint16) (a dnsAnswer, cut bool, err error) {
	conn, err := dialDNS(ctx, "udp", server)
	if err != nil {
		return a, false, err
	}
	defer conn.Close() // nothing is kept in it
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })()
	if _, err = conn.Write(question); err != nil {
		return a, false, err
	}
	packet := make([]byte, 4*dnsUDPSize)
	for {
		n, err := conn.Read(packet)
		if err != nil {
			return a, false, err
		}
		if answers(packet[:n], question, id) { // else somebody else's, or a forged one: the true one may follow
			return readAnswer(packet[:n])
		}
	}
}

func byTCP(ctx context.Context, server string, question []byte, id uint16) (a dnsAnswer, err error) {
	conn, err := dialDNS(ctx, "tcp", server)
	if err != nil {
		return a, err
	}
	defer conn.Close() // nothing is kept in it
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })()
	if _, err = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(question))), question...)); err != nil {
		return a, err
	}
	var size [2]byte
	if _, err = io.ReadFull(conn, size[:]); err != nil {
		return a, err
	}
	packet := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err = io.ReadFull(conn, packet); err != nil {
		return a, err
	}
	if !answers(packet, question, id) {
		return a, errors.New("the answer is to another question")
	}
	a, _, err = readAnswer(packet)
	return a, err
}

// answers reports whether a packet is the answer to a question.
func answers(packet, question []byte, id uint16) bool {
	var asked, got dnsmessage.Parser
	if _, err := asked.Start(question); err != nil {
		return false
	}
	h, err := got.Start(packet)
	if err != nil || !h.Response || h.ID != id {
		return false
	}
	want, err := asked.Question()
	if err != nil {
		return false
	}
	q, err := got.Question()
	return err == nil && q.Type == want.Type && q.Class == want.Class && strings.EqualFold(q.Name.String(), want.Name.String())
}

// readAnswer takes an answer apart. cut says that there is more of it.
func readAnswer(packet []byte) (a dnsAnswer, cut bool, err error) {
	var p dnsmessage.Parser
	h, err := p.Start(packet)
	if err != nil {
		return a, false, err
	}
	switch {
	case h.RCode == dnsmessage.RCodeNameError:
		return a, false, nil
	case h.RCode != dnsmessage.RCodeSuccess:
		return a, false, errors.New("the server answers " + strings.TrimPrefix(h.RCode.String(), "RCode"))
	case h.Truncated:
		return a, true, nil
	}
	q, err := p.Question()
	if err != nil {
		return a, false, err
	}
	if err := p.SkipAllQuestions(); err != nil {
		return a, false, err
	}
	a.exists = true
	for range dnsRecords {
		r, err := p.Answer()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			break
		}
		if err != nil {
			return dnsAnswer{}, false, err
		}
		a.take(q.Name.String(), r)
	}
	return a, false, nil
}

func (a *dnsAnswer) take(asked string, r dnsmessage.Resource) {
	switch body := r.Body.(type) {
	case *dnsmessage.CNAMEResource:
		if strings.EqualFold(r.Header.Name.String(), asked) {
			a.alias = bare(body.CNAME)
		}
	case *dnsmessage.TXTResource:
		text := strings.Join(body.TXT, "")
		a.texts = append(a.texts, text[:min(len(text), dnsText)])
	case *dnsmessage.MXResource:
		a.hosts = append(a.hosts, fmt.Sprintf("%d %s", body.Pref, bare(body.MX)))
	case *dnsmessage.AResource:
		a.addrs++
	}
}

func bare(n dnsmessage.Name) string {
	return strings.ToLower(strings.TrimSuffix(n.String(), "."))
}
