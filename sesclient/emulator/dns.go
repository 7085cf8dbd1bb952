package emulator

// The DNS of the senders' domains, for a try without a domain of one's own: a
// zone file is served by UDP and TCP as it stands at each question, and the
// emulator verifies identities by it, as SES does by the real DNS.
//
// The file has one record a line in the form that `pabal domain setup --format
// bind` prints: NAME. [TTL] [IN] TYPE VALUE; ; begins a comment. Names that end
// in no dot are taken as whole too. What is not in the file does not exist.

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	maxZone     = 1 << 20 // bytes of a zone file
	maxChain    = 8       // CNAME records followed
	plainUDP    = 512     // bytes of an answer to who did not ask for more, RFC 1035 2.3.4
	dnsTTL      = 1       // seconds: a try does not wait
	dnsPatience = 5 * time.Second
	dnsPorts    = 10 // tried
)

// zoneRecord is one line of a zone.
type zoneRecord struct{ name, kind, value string }

// readZone reads the lines of a zone file.
func readZone(text string) (zone []zoneRecord, err error) {
	n := 0
	for line := range strings.Lines(text) {
		n++
		name, rest := firstWord(line)
		if name == "" || strings.HasPrefix(name, ";") {
			continue
		}
		kind, value := firstWord(rest)
		if _, err := strconv.Atoi(kind); err == nil {
			kind, value = firstWord(value)
		}
		if strings.EqualFold(kind, "IN") {
			kind, value = firstWord(value)
		}
		if value == "" {
			return nil, fmt.Errorf("line %d of the zone is not NAME TYPE VALUE", n)
		}
		r := zoneRecord{zoneName(name), strings.ToUpper(kind), value}
		if r.kind == "TXT" {
			r.value = unquoted(value)
		}
		zone = append(zone, r)
	}
	return zone, nil
}

// firstWord cuts a line behind its first word.
func firstWord(line string) (word, rest string) {
	line = strings.TrimSpace(line)
	if end := strings.IndexAny(line, " \t"); end >= 0 {
		return line[:end], strings.TrimSpace(line[end:])
	}
	return line, ""
}

func zoneName(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// unquoted joins the strings of a TXT record.
func unquoted(value string) string {
	if !strings.HasPrefix(value, `"`) {
		return value
	}
	var out strings.Builder
	inside := false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\\' && inside && i+1 < len(value):
			i++
			out.WriteByte(value[i])
		case c == '"':
			inside = !inside
		case inside:
			out.WriteByte(c)
		}
	}
	return out.String()
}

// zone is the zone as the file has it now; nothing where there is none.
func (s *Server) zone() []zoneRecord {
	f, err := os.Open(s.o.Zone)
	if err != nil {
		return nil
	}
	defer f.Close() // only read
	text, err := io.ReadAll(io.LimitReader(f, maxZone))
	if err == nil {
		var zone []zoneRecord
		if zone, err = readZone(string(text)); err == nil {
			return zone
		}
	}
	s.log.Warn("zone not read", "err", err)
	return nil
}

// published reports whether the zone has a record with a value.
func published(zone []zoneRecord, name, kind, value string) bool {
	for _, r := range zone {
		if r.name == name && r.kind == kind && (r.value == value || zoneName(r.value) == value) {
			return true
		}
	}
	return false
}

// lookAtDNS verifies identities whose records have been published since.
func (s *Server) lookAtDNS(region string) {
	if s.o.Zone == "" {
		return
	}
	zone := s.zone()
	for _, id := range s.identities {
		if !id.domain() {
			continue
		}
		keys := id.dkim(region)
		there := 0
		for _, token := range keys.Tokens {
			if published(zone, token+"._domainkey."+id.name, "CNAME", token+"."+keys.SigningHostedZone) {
				there++
			}
		}
		id.verified = id.verified || there == len(keys.Tokens) && !id.gaveUp
		if id.mailFrom != "" && !id.mailGaveUp {
			id.mailFromOK = id.mailFromOK || published(zone, id.mailFrom, "MX", "10 feedback-smtp."+region+".amazonses.com") &&
				published(zone, id.mailFrom, "TXT", "v=spf1 include:amazonses.com ~all")
		}
	}
}

// ListenDNS serves the zone of Options.Zone at an address, by UDP and TCP, till
// ctx ends; wait returns when it has ended.
func (s *Server) ListenDNS(ctx context.Context, address string) (at string, wait func(), err error) {
	udp, tcp, err := listenBoth(address)
	if err != nil {
		return "", nil, err
	}
	stop := context.AfterFunc(ctx, func() {
		_ = udp.Close()
		_ = tcp.Close()
	})
	var served sync.WaitGroup
	served.Go(func() { s.serveUDP(udp) })
	served.Go(func() { s.serveTCP(ctx, tcp, &served) })
	return udp.LocalAddr().String(), func() {
		served.Wait()
		stop()
	}, nil
}

// listenBoth opens one port for UDP and TCP. Where any port will do, one that
// is free for UDP may be taken for TCP: another is tried.
func listenBoth(address string) (udp net.PacketConn, tcp net.Listener, err error) {
	for range dnsPorts {
		if udp, err = net.ListenPacket("udp", address); err != nil {
			return nil, nil, err
		}
		if tcp, err = net.Listen("tcp", udp.LocalAddr().String()); err == nil {
			return udp, tcp, nil
		}
		err = errors.Join(err, udp.Close())
	}
	return nil, nil, err
}

func (s *Server) serveUDP(conn net.PacketConn) {
	packet := make([]byte, 4096)
	for {
		n, from, err := conn.ReadFrom(packet)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		if out := answerDNS(packet[:n], s.zone(), true); out != nil {
			_, _ = conn.WriteTo(out, from) // who asks asks again
		}
	}
}

func (s *Server) serveTCP(ctx context.Context, l net.Listener, served *sync.WaitGroup) {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		served.Go(func() {
			defer conn.Close() // answered or not
			defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
			_ = conn.SetDeadline(s.now().Add(dnsPatience))
			var size [2]byte
			if _, err := io.ReadFull(conn, size[:]); err != nil {
				return
			}
			packet := make([]byte, binary.BigEndian.Uint16(size[:]))
			if _, err := io.ReadFull(conn, packet); err != nil {
				return
			}
			if out := answerDNS(packet, s.zone(), false); out != nil {
				_, _ = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...))
			}
		})
	}
}

// answerDNS is the answer to a packet, nil to what is no question.
func answerDNS(packet []byte, zone []zoneRecord, udp bool) []byte {
	var m dnsmessage.Message
	if m.Unpack(packet) != nil || m.Response || len(m.Questions) != 1 {
		return nil
	}
	room := plainUDP
	for _, r := range m.Additionals {
		if r.Header.Type == dnsmessage.TypeOPT {
			room = max(room, int(r.Header.Class))
		}
	}
	m.Response, m.RecursionAvailable, m.Additionals, m.Answers, m.Authorities = true, true, nil, nil, nil
	if !answerFrom(zone, &m) {
		m.RCode = dnsmessage.RCodeNameError
	}
	out, err := m.Pack()
	if err == nil && udp && len(out) > room {
		m.Truncated, m.Answers = true, nil
		out, err = m.Pack()
	}
	if err != nil {
		return nil
	}
	return out
}

// answerFrom adds what the zone has; false: no such name.
func answerFrom(zone []zoneRecord, m *dnsmessage.Message) (exists bool) {
	q := m.Questions[0]
	name := zoneName(q.Name.String())
	for range maxChain {
		next := ""
		exists = false
		for _, r := range zone {
			exists = exists || r.name == name || strings.HasSuffix(r.name, "."+name)
			if r.name != name {
				continue
			}
			body := r.body()
			if body == nil || r.kind != "CNAME" && "Type"+r.kind != q.Type.String() {
				continue
			}
			owner, err := dnsmessage.NewName(name + ".")
			if err != nil {
				return false
			}
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: owner, Class: dnsmessage.ClassINET, TTL: dnsTTL}, Body: body})
			if r.kind == "CNAME" && q.Type != dnsmessage.TypeCNAME {
				next = zoneName(r.value)
			}
		}
		if next == "" {
			return exists || len(m.Answers) > 0
		}
		name = next
	}
	return true
}

// body is a record as the wire has it, nil for what this server does not know.
func (r zoneRecord) body() dnsmessage.ResourceBody {
	switch r.kind {
	case "CNAME":
		if name, err := dnsmessage.NewName(zoneName(r.value) + "."); err == nil {
			return &dnsmessage.CNAMEResource{CNAME: name}
		}
	case "MX":
		priority, host, _ := strings.Cut(r.value, " ")
		n, err := strconv.ParseUint(priority, 10, 16)
		name, bad := dnsmessage.NewName(zoneName(strings.TrimSpace(host)) + ".")
		if err == nil && bad == nil {
			return &dnsmessage.MXResource{Pref: uint16(n), MX: name}
		}
	case "TXT":
		var parts []string
		for text := r.value; ; {
			n := min(len(text), 255)
			if parts, text = append(parts, text[:n]), text[n:]; text == "" {
				return &dnsmessage.TXTResource{TXT: parts}
			}
		}
	case "A":
		if ip := net.ParseIP(r.value).To4(); ip != nil {
			return &dnsmessage.AResource{A: [4]byte(ip)}
		}
	}
	return nil
}
