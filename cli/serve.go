package cli

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"pabal/sesclient"
)

func (a *app) serveCommand() *cobra.Command {
	var level slog.Level
	var cmd *cobra.Command
	cmd = a.command("serve", "Run the daemon: takes mail, sends it, answers the other commands",
		"pabal serve --config pabal.toml\nPABAL_SES_ENDPOINT=http://127.0.0.1:9090 pabal serve", func(ctx context.Context, _ []string) error {
			cfg, err := a.config()
			if err != nil {
				return err
			}
			if err := refuseRoot(cfg.DataDir); err != nil {
				return err
			}
			a.collectSeldom(cfg)
			logging := &logging{fixed: cmd.Flags().Changed("log-level"), reread: a.config}
			if logging.level.Set(level); !logging.fixed {
				logging.level.Set(cfg.Log.level())
			}
			cfg.logging = logging
			logger := newLogger(a.stderr, &logging.level)
			if err := cfg.useAWSFiles(); err != nil {
				return err
			}
			a.useAWSCredential()
			logger.Info("starting", "version", version(), "config", cfg.from.path, "folder", cfg.DataDir)
			m, err := newManager(a.environ, logger)
			if err != nil {
				return err
			}
			m.tell("STATUS=opening the stores")
			err = serve(ctx, cfg, logger, sesclient.Credentials{}, m, a.sayReady)
			logger.Info("stopped")
			return err
		})
	cmd.Flags().TextVar(&level, "log-level", slog.LevelInfo, "`LEVEL` of logs: debug, info, warn or error, in place of log.level")
	return cmd
}

const (
	collectPercent = 400      // growth of the heap between two collections
	heapBesides    = 64 << 20 // of the heap, besides bodies
)

// collectSeldom trades memory for CPU: what lives is a few MB, and with Go's
// default a mail of 100 KB makes enough garbage that every tenth one starts a
// collection (a fifth of the drain's CPU). Near the limit it collects as often
// as it must. GOGC and GOMEMLIMIT of the environment win.
func (a *app) collectSeldom(cfg *Config) {
	if variable(a.environ, "GOGC") == "" {
		debug.SetGCPercent(collectPercent)
	}
	if variable(a.environ, "GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(cfg.BodyMemory) + heapBesides)
	}
}

func (a *app) sayReady(where addresses) {
	if a.json {
		_ = writeJSON(a.stdout, where) // the daemon runs whether or not anybody reads this
		return
	}
	parts := []string{"smtp " + strings.Join(where.SMTP, " ")}
	if where.Web != "" {
		parts = append(parts, "web "+where.webURL())
	}
	if where.Metrics != "" {
		parts = append(parts, "metrics http://"+where.Metrics+"/metrics")
	}
	fmt.Fprintf(a.stdout, "pabal is ready: %s, control %s\n", strings.Join(parts, ", "), where.Control)
}
