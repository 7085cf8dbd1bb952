//go:build host

package cli

import (
	"testing"

	"pabal/sesclient/emulator"
)

// syncWords is what the screen of the customers' table says in a language.
type syncWords struct{ tab, reading, idle, gone, goneHint, table, tableHint, back string }

// TestTheSyncOnTheScreen: a first load with its bar, the table dropped, the
// server away, and all well again, in the words of the reader.
func TestTheSyncOnTheScreen(t *testing.T) {
	for lang, w := range map[string]syncWords{
		"ko": {tab: "파발 › 고객 DB", reading: "/60,000", idle: "✓ 맞춤", gone: "DB 서버에 연결할 수 없음", goneHint: "방화벽", table: "고객 표가 없음", tableHint: "표를 되살리세요", back: "고객 DB와 맞췄습니다"},
		"en": {tab: "pabal › Customer DB", reading: "/60,000", idle: "✓ in step", gone: "cannot be reached", goneHint: "firewall", table: "is not there", tableHint: "bring the table back", back: "In step:"},
	} {
		t.Run(lang, func(t *testing.T) { syncOnTheScreen(t, lang, w) })
	}
}

func syncOnTheScreen(t *testing.T, lang string, w syncWords) {
	db := startMariaDB(t)
	db.shop()
	db.exec("INSERT INTO shop.User (Email, Name, SubscriptionStatus) SELECT CONCAT('shopper', seq, '@example.net'), '홍길동', IF(seq % 20, 'true', 'false') FROM shop.seq_1_to_60000")
	db.exec("CREATE USER pabal@'127.0.0.1' IDENTIFIED BY 'secret'; GRANT SELECT ON shop.* TO pabal@'127.0.0.1'")
	h := newHost(t, emulator.Options{}, append(shopEnv(), "PABAL_MYSQL_DSN=pabal:secret@tcp("+db.addr+")/shop",
		"PABAL_MYSQL_WHERE=id % 600 > 0 OR SLEEP(0.04) = 0")...) // long enough to be seen
	h.serve()
	m := newTerminal(t, h, "80", "24", lang)
	shot := func(name string) { m.picture("screen-" + name + "-" + lang) }
	m.press("6")
	m.see(w.tab, w.reading, "━━━━━━━━")
	shot("sync")
	m.see(w.idle, "60,000", "3,000")
	shot("sync-idle")
	db.exec("RENAME TABLE shop.User TO shop.Away")
	m.press("s")
	m.see(w.table, w.tableHint)
	shot("sync-table")
	m.press("1")
	m.see(w.table)
	shot("sync-home")
	m.press("6")
	db.kill()
	m.press("s")
	m.see(w.gone, w.goneHint)
	shot("sync-gone")
	db.start()
	db.exec("RENAME TABLE shop.Away TO shop.User")
	m.press("s")
	m.see(w.back, w.idle)
	m.press("q")
}
