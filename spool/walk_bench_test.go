package spool

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"testing"

	"go.etcd.io/bbolt"
)

// BenchmarkWalkRows looks through a ledger of 1,000,000 rows that were sent for
// one address, by its hash as an erasure does.
func BenchmarkWalkRows(b *testing.B) {
	const rows = 1_000_000
	s, err := Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	frozen(b, s, rows)
	m := Message{Outcome: Accepted, Attempts: 1}
	for at := uint64(1); at <= rows; {
		err := s.ledger.do(1000, func(tx *bbolt.Tx) error {
			rows := tx.Bucket(bRows).Bucket(u64(1))
			for range 10_000 {
				m.To, m.SESID = fmt.Sprintf("customer%d@example.com", at), fmt.Sprintf("0100018b%08x-11111111-2222-3333-4444-%012x-000000", 1, at)
				if err := rows.Put(u64(at), appendRow(nil, &m)); err != nil {
					return err
				}
				at++
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	want := sha256.Sum256([]byte("customer777777@example.com"))
	of := func(address string) bool { return sha256.Sum256([]byte(address)) == want }
	for b.Loop() {
		n := 0
		err := s.WalkRows(context.Background(), RowMark{}, of, func(found []Message, at RowMark) error { n += len(found); return nil })
		if err != nil || n != 1 {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(math.Round(float64(b.N)*rows/b.Elapsed().Seconds()), "rows/s")
}
