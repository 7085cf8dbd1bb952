package spool

import (
	"bytes"

	"go.etcd.io/bbolt"
)

var kAlarms = []byte("alarms") // in bMeta of the ledger

// SaveAlarms keeps what people were told of, and what they still have to be.
func (s *Spool) SaveAlarms(state []byte) error {
	return s.ledger.do(len(state), func(tx *bbolt.Tx) error { return tx.Bucket(bMeta).Put(kAlarms, state) })
}

// LoadAlarms returns what SaveAlarms kept last, nil before the first.
func (s *Spool) LoadAlarms() (state []byte, err error) {
	err = s.ledger.View(func(tx *bbolt.Tx) error {
		state = bytes.Clone(tx.Bucket(bMeta).Get(kAlarms))
		return nil
	})
	return state, err
}

// Damaged is how many records could not be read and were parked since Open.
func (s *Spool) Damaged() int64 { return s.parked.Load() }
