package cli

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"pabal/eml"
)

// LogConfig is what the daemon writes to its log, on stderr.
type LogConfig struct {
	Level string `toml:"level"` // debug, info, warn or error; serve --log-level wins
}

func (c *Config) logRules() []rule {
	return []rule{{"log.level", slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level), fmt.Sprintf("is %q", c.Log.Level), "debug, info, warn or error"}}
}

// level is the configured one; validate has seen that it is one.
func (c LogConfig) level() slog.Level {
	var l slog.Level
	if err := l.UnmarshalText([]byte(c.Level)); err != nil {
		return slog.LevelInfo
	}
	return l
}

// newLogger writes lines for a person on a terminal, JSON for everything else.
// Lengths of time are seconds. No address of a person stands in a line unless
// the level is debug, whoever wrote the line and whatever error is in it.
func newLogger(w io.Writer, level slog.Leveler) *slog.Logger {
	o := &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr { return logAttr(a, level.Level() > slog.LevelDebug) }}
	if isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, o))
	}
	return slog.New(slog.NewJSONHandler(w, o))
}

// logAttr is an attribute as it is written.
func logAttr(a slog.Attr, masked bool) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.Float64Value(a.Value.Duration().Round(time.Millisecond).Seconds())
		return a
	}
	if !masked {
		return a
	}
	switch v := a.Value.Any().(type) {
	case string:
		a.Value = slog.StringValue(eml.Mask(v))
	case error:
		a.Value = slog.StringValue(eml.Mask(v.Error()))
	case []string:
		all := make([]string, len(v))
		for i, text := range v {
			all[i] = eml.Mask(text)
		}
		a.Value = slog.AnyValue(all)
	case fmt.Stringer:
		if _, isTime := v.(interface{ UnixNano() int64 }); !isTime {
			a.Value = slog.StringValue(eml.Mask(v.String()))
		}
	}
	return a
}

// logging is the level of a daemon's log, which a reload may change.
type logging struct {
	level  slog.LevelVar
	fixed  bool                    // a flag said it
	reread func() (*Config, error) // the configuration as it is now
}

// reloadLevel takes log.level as the configuration has it now, and reports
// whether it is another one. A configuration that is not good changes nothing.
func (d *daemon) reloadLevel() (changed bool, err error) {
	l := d.cfg.logging
	if l == nil || l.fixed {
		return false, nil
	}
	cfg, err := l.reread()
	if err != nil {
		return false, err
	}
	old, now := l.level.Level(), cfg.Log.level()
	if l.level.Set(now); old == now {
		return false, nil
	}
	d.logger.Info("log level changed", "was", old.String(), "now", now.String())
	return true, nil
}
