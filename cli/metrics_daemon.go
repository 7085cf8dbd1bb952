package cli

import (
	"maps"
	"runtime"
	"slices"
	"strconv"

	"pabal/alarm"
	"pabal/control"
)

// storeMetrics are about the disk and memory.
func storeMetrics() []metric {
	file := []string{"file"}
	size := func(of func(control.StoreSize) int64) func(*reading, *samples) {
		return func(r *reading, s *samples) {
			for _, f := range r.files {
				s.count(of(f), f.File)
			}
		}
	}
	return []metric{
		{"pabal_store_file_bytes", gauge, file, "Size of a store's file.", size(func(f control.StoreSize) int64 { return f.Bytes })},
		{"pabal_store_used_bytes", gauge, file, "Of it what holds something.", size(func(f control.StoreSize) int64 { return max(0, f.Bytes-f.Unused) })},
		{"pabal_store_free_bytes", gauge, file, "Of it what is kept for later; pabal compact gives it back to the volume.", size(func(f control.StoreSize) int64 { return f.Unused })},
		{"pabal_disk_free_bytes", gauge, nil, "Free for new mail: on the volume, and in unused pages of queue.db.", func(r *reading, s *samples) { s.count(r.spool.Store.FreeBytes) }},
		{"pabal_disk_reserve_bytes", gauge, nil, "With less than this free nothing new is taken.", func(r *reading, s *samples) { s.count(r.spool.Store.ReserveBytes) }},
		{"pabal_disk_nearly_full", gauge, nil, "1 while new mail is refused because the disk is nearly full.", func(r *reading, s *samples) { s.is(r.spool.Store.NearlyFull) }},
		{"pabal_disk_no_campaigns", gauge, nil, "1 while no campaign can start for want of space.", func(r *reading, s *samples) { s.is(r.spool.Store.NoCampaigns) }},
		{"pabal_body_memory_used_bytes", gauge, nil, "Of body_memory what texts on their way in and out have.", func(r *reading, s *samples) { s.count(r.body[0]) }},
		{"pabal_body_memory_limit_bytes", gauge, nil, "The setting body_memory.", func(r *reading, s *samples) { s.count(r.body[1]) }},
	}
}

// daemonMetrics are about the process and what surrounds it.
func daemonMetrics() []metric {
	return []metric{
		{"pabal_alarms", gauge, []string{"name"}, "Alarms that people were told of and that are still on, by name.", readAlarms},
		{"pabal_web_requests_total", counter, []string{"site", "code"}, "Answers by HTTP code: of the pages for recipients (public), and of the listener for metrics and health (inside).", readWeb},
		{"pabal_certificate_expiry_timestamp_seconds", gauge, []string{"use"}, "When a certificate of TLS ends, by what it is for.", func(r *reading, s *samples) {
			for _, use := range slices.Sorted(maps.Keys(r.ends)) {
				s.add(seconds(r.ends[use]), use)
			}
		}},
		{"pabal_backup_timestamp_seconds", gauge, nil, "When the last backup was begun that the daemon wrote whole; missing until there is one since the start.", func(r *reading, s *samples) {
			if r.backup != 0 {
				s.add(float64(r.backup) / 1000)
			}
		}},
		{"pabal_build_info", gauge, []string{"version", "goversion"}, "1, with what is running.", func(_ *reading, s *samples) { s.add(1, version(), runtime.Version()) }},
		{"pabal_config_loaded_timestamp_seconds", gauge, nil, "When the configuration was read.", func(r *reading, s *samples) { s.add(seconds(r.loaded)) }},
		{"process_start_time_seconds", gauge, nil, "When the process started.", func(r *reading, s *samples) { s.add(r.process.started) }},
		{"process_cpu_seconds_total", counter, nil, "Time on processors, of the user and of the system.", func(r *reading, s *samples) { s.add(r.process.cpu) }},
		{"process_resident_memory_bytes", gauge, nil, "Memory of the process, the pages of the stores that are mapped included.", func(r *reading, s *samples) { s.count(r.process.resident) }},
		{"process_anonymous_memory_bytes", gauge, nil, "Of it what is not a file's: what the process really takes.", func(r *reading, s *samples) { s.count(r.process.anonymous) }},
		{"process_open_fds", gauge, nil, "Open file descriptors.", func(r *reading, s *samples) { s.count(r.process.descriptors) }},
		{"process_max_fds", gauge, nil, "File descriptors that may be open.", func(r *reading, s *samples) { s.count(r.process.mostDescriptors) }},
		{"go_goroutines", gauge, nil, "Goroutines.", func(_ *reading, s *samples) { s.count(int64(runtime.NumGoroutine())) }},
	}
}

func readAlarms(r *reading, s *samples) {
	on := map[string]int64{}
	for _, a := range r.alarms {
		on[a.Name]++
	}
	for _, kind := range alarm.Kinds() {
		s.count(on[kind.Name], kind.Name)
	}
}

func readWeb(r *reading, s *samples) {
	for _, site := range slices.Sorted(maps.Keys(r.web)) {
		for _, code := range slices.Sorted(maps.Keys(r.web[site])) {
			s.count(r.web[site][code], site, strconv.Itoa(code))
		}
	}
}
