package campaign

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"

	bolt "go.etcd.io/bbolt"
)

// Every value of campaign.db that holds a letter, or what goes into one, ends
// with its CRC-32C: bbolt has no checksum on data pages, and one bit flipped in
// a template's text would go out a million times unnoticed.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errSeal is a value that is not as it was written.
var errSeal = errors.New("its checksum does not fit")

const sealSize = 4 // bytes

func sealed(value []byte) []byte {
	out := append(make([]byte, 0, len(value)+sealSize), value...)
	return binary.BigEndian.AppendUint32(out, crc32.Checksum(value, castagnoli))
}

// unsealed is the value as it was before sealed. The slice is part of raw.
func unsealed(raw []byte) ([]byte, error) {
	if len(raw) < sealSize {
		return nil, errSeal
	}
	value := raw[:len(raw)-sealSize]
	if crc32.Checksum(value, castagnoli) != binary.BigEndian.Uint32(raw[len(value):]) {
		return nil, errSeal
	}
	return value, nil
}

func putJSON(b *bolt.Bucket, key []byte, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return b.Put(key, sealed(raw))
}

// readJSON reads what putJSON wrote.
func readJSON(raw []byte, v any) error {
	value, err := unsealed(raw)
	if err != nil {
		return err
	}
	return json.Unmarshal(value, v)
}

// sealAll brings a file to format 2: format 1 had no checksums.
func sealAll(tx *bolt.Tx) error {
	for _, name := range [][]byte{bucketTemplates, bucketCampaigns} {
		if err := sealValues(tx.Bucket(name)); err != nil {
			return err
		}
	}
	versions := tx.Bucket(bucketVersions)
	return versions.ForEachBucket(func(k []byte) error { return sealValues(versions.Bucket(k)) })
}

func sealValues(b *bolt.Bucket) error {
	all := map[string][]byte{} // a bucket must not be written while it is walked
	err := b.ForEach(func(k, v []byte) error {
		all[string(k)] = sealed(v)
		return nil
	})
	for k, v := range all {
		err = errors.Join(err, b.Put([]byte(k), v))
	}
	return err
}
