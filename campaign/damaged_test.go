package campaign

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"

	"pabal/eml"
	"pabal/spool"
)

// One bit in the record of one campaign made the daemon end right after every
// start, with all other mail in it.
func TestDamagedRecordStopsOnlyItsOwnCampaign(t *testing.T) {
	for name, damage := range map[string]func(raw []byte) []byte{
		"no JSON":   func(raw []byte) []byte { return raw[:len(raw)-1] },
		"another's": func(raw []byte) []byte { return []byte(strings.Replace(string(raw), `"id":1,`, `"id":3,`, 1)) },
		"a bad state": func(raw []byte) []byte {
			return []byte(strings.Replace(string(raw), `"created_at":"2`, `"created_at":"z`, 1))
		},
	} {
		t.Run(name, func(t *testing.T) { damagedRecord(t, damage) })
	}
}

func damagedRecord(t *testing.T, damage func([]byte) []byte) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, t.TempDir())
		h.enrol(t, 5)
		bad := h.draft(t, "<p>{{Name}}</p>{{UnsubscribeURL}}", Campaign{}).ID
		good := h.draft(t, "<p>{{Name}}</p>{{UnsubscribeURL}}", Campaign{}).ID
		for _, id := range []uint64{bad, good} {
			if _, err := h.store.Start(t.Context(), id, -1); err != nil {
				t.Fatal(err)
			}
		}
		err := h.store.update(0, func(tx *bolt.Tx) error {
			b := tx.Bucket(bucketCampaigns)
			return b.Put(key(bad), damage(b.Get(key(bad))))
		})
		if err != nil {
			t.Fatal(err)
		}
		h.store.mailings.drop(bad)
		h.drain(t)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- h.store.Run(ctx) }()
		time.Sleep(time.Minute / 2)
		synctest.Wait()
		select {
		case err := <-ended:
			t.Fatalf("it ended: %v", err)
		default:
		}
		all, err := h.store.Campaigns()
		if err != nil || len(all) != 2 {
			t.Fatalf("%d campaigns, %v", len(all), err)
		}
		if c := all[1]; c.ID != bad || !c.Damaged || c.State != spool.Running || c.Pending != 5 || c.Hold == nil || c.Hold.Scope != spool.CampaignScope(bad) {
			t.Errorf("the damaged one: %+v, held by %+v", c, c.Hold)
		}
		if c := all[0]; c.ID != good || c.State != spool.Done || c.Accepted != 5 {
			t.Errorf("the other one: %+v", c)
		}
		_, err = h.store.Campaign(bad)
		if p, ok := errors.AsType[*eml.Problem](err); !ok || p.Hint == "" || !strings.Contains(p.What, "campaign 1 is damaged") {
			t.Errorf("asked for it: %v", err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func FuzzReadCampaign(f *testing.F) {
	f.Add([]byte(`{"id":1,"name":"n","state":"draft","template":"t","values":{"Body":"x"},"created_at":"2026-01-02T03:04:05Z","expect":-1}`))
	f.Add([]byte(`{"id":1,"sealed":"2026-01-02T03:04:05.678Z","skips":{"erased":2}}`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var c, again Campaign
		if readCampaign(raw, 1, &c) == nil {
			t.Errorf("%q was read without a seal", raw)
		}
		if readCampaign(sealed(raw), 1, &c) != nil {
			return
		}
		b, err := json.Marshal(c)
		if err != nil {
			return // a time JSON cannot write
		}
		if err := readCampaign(sealed(b), 1, &again); err != nil {
			t.Errorf("written anew as %s it does not read: %v", b, err)
		}
	})
}
