package spool

import "testing"

// TestAlarmsAreKept: what people were told of is there after a restart.
func TestAlarmsAreKept(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.LoadAlarms(); got != nil || err != nil {
		t.Errorf("before the first: %q, %v", got, err)
	}
	if err := s.SaveAlarms([]byte("state")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(dir); err != nil {
		t.Fatal(err)
	}
	defer s.Close() // only read
	if got, err := s.LoadAlarms(); string(got) != "state" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}
