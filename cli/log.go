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
// the level is debug, and no secret at any level, whoever wrote the line and
// whatever error is in it. The keys are logKeys.
func newLogger(w io.Writer, level slog.Leveler) *slog.Logger {
	o := &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr { return logAttr(a, level.Level() > slog.LevelDebug) }}
	if isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, o))
	}
	return slog.New(slog.NewJSONHandler(w, o))
}

// logAttr is an attribute as it is written.
func logAttr(a slog.Attr, masked bool) slog.Attr {
	said := func(text string) string {
		if text = eml.HideSecrets(text); masked {
			text = eml.Mask(text)
		}
		return text
	}
	switch a.Value.Kind() {
	case slog.KindDuration:
		a.Value = slog.Float64Value(float64(a.Value.Duration().Round(time.Millisecond).Milliseconds()) / 1000)
	case slog.KindString:
		a.Value = slog.StringValue(said(a.Value.String()))
	case slog.KindAny:
		a.Value = loggedAny(a.Value.Any(), said)
	}
	return a
}

// loggedAny is a value that slog has no kind for: a list of texts stays one, all
// else is one text. A type that nobody thought of is so no way around said.
func loggedAny(value any, said func(string) string) slog.Value {
	if list, ok := value.([]string); ok {
		all := make([]string, len(list))
		for i, text := range list {
			all[i] = said(text)
		}
		return slog.AnyValue(all)
	}
	return slog.StringValue(said(fmt.Sprint(value)))
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
