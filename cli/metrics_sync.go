package cli

import "pabal/syncer"

// syncMetrics are about the table of customers; without one they have no values.
func syncMetrics() []metric {
	return []metric{
		{"pabal_sync_last_success_timestamp_seconds", gauge, nil, "When the last good sync of the customers began: in step as of then; missing before the first.", synced(func(st *syncer.Status, s *samples) {
			if !st.LastGood.IsZero() {
				s.add(seconds(st.LastGood))
			}
		})},
		{"pabal_sync_failures", gauge, nil, "Failed syncs in a row.", synced(func(st *syncer.Status, s *samples) { s.count(int64(st.Failures)) })},
		{"pabal_syncs_total", counter, []string{"result"}, "Syncs since the start by result, good or failed.", synced(func(st *syncer.Status, s *samples) {
			s.count(st.Syncs, "good")
			s.count(st.Errors, "failed")
		})},
		{"pabal_sync_changes_total", counter, []string{"kind"}, "What good syncs changed since the start.", synced(func(st *syncer.Status, s *samples) {
			s.count(st.Changes.Created, "created")
			s.count(st.Changes.Updated, "updated")
			s.count(st.Changes.Removed, "removed")
			s.count(st.Changes.KeptOut, "kept_out")
		})},
		{"pabal_sync_duration_seconds", gauge, nil, "How long the last good sync took.", synced(func(st *syncer.Status, s *samples) { s.add(st.Last.Took.Seconds()) })},
		{"pabal_sync_rows", gauge, nil, "Rows that the last good sync read.", synced(func(st *syncer.Status, s *samples) { s.count(st.Last.Read) })},
		{"pabal_sync_invalid_rows", gauge, nil, "Of them those nobody can be written to.", synced(func(st *syncer.Status, s *samples) { s.count(st.Last.Invalid) })},
		{"pabal_sync_progress_rows", gauge, nil, "Rows that the sync under way is through with.", synced(func(st *syncer.Status, s *samples) { s.count(st.Done) })},
	}
}

// synced reads what is said of the sync, nothing where there is none.
func synced(read func(*syncer.Status, *samples)) func(*reading, *samples) {
	return func(r *reading, s *samples) {
		if r.sync != nil {
			read(r.sync, s)
		}
	}
}
