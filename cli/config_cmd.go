package cli

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"maps"
	"net/url"
	"slices"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"
)

// defaultFile is the whole configuration with its defaults, for config init.
//
//go:embed pabal.toml
var defaultFile string

func (a *app) configCommands() *cobra.Command {
	return a.group("config", "Make, check and show the configuration", a.configInit(), a.configCheck(), a.configShow())
}

func (a *app) configCheck() *cobra.Command {
	return a.command("check", "Say whether the configuration can be used", "pabal config check --config pabal.toml", func(context.Context, []string) error {
		cfg, err := a.config()
		if err != nil {
			return err
		}
		warnings := cfg.warnings()
		return one(a, map[string]any{"config": cfg.from.path, "good": true, "warnings": warnings}, func(r *report) {
			r.line("%s is good", cfg.from.path)
			for _, w := range warnings {
				r.line("but see: %s", w)
			}
		})
	})
}

func (a *app) configShow() *cobra.Command {
	return a.command("show", "Show every setting in force and where it comes from", "PABAL_SES_REGION=us-east-1 pabal config show", func(context.Context, []string) error {
		cfg, err := a.config()
		if err != nil {
			return err
		}
		cfg.mask()
		if a.json {
			values := cfg.values()
			values["set_by"] = cfg.from.env
			return writeJSON(a.stdout, values)
		}
		var out bytes.Buffer
		enc := toml.NewEncoder(&out)
		enc.Indent = ""
		if err := enc.Encode(cfg); err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "# %s\n", cfg.from.path)
		for _, key := range slices.Sorted(maps.Keys(cfg.from.env)) {
			fmt.Fprintf(a.stdout, "# %s is set by %s\n", key, cfg.from.env[key])
		}
		_, err = a.stdout.Write(out.Bytes())
		return err
	})
}

// mask hides what nobody should read over a shoulder: passwords in URLs. No
// other setting is a secret; credentials never stand in the configuration.
func (c *Config) mask() {
	if u, err := url.Parse(c.Alert.WebhookURL); err == nil && u.Host != "" {
		c.Alert.WebhookURL = u.Scheme + "://" + u.Host + "/…" // whoever has the rest may post there
	}
	for _, text := range []*string{&c.SES.Endpoint, &c.Web.PublicURL, &c.Feedback.SQSQueueURL} {
		if u, err := url.Parse(*text); err == nil && u.User != nil {
			*text = u.Redacted()
		}
	}
}

// values are all settings by their dotted keys.
func (c *Config) values() map[string]any {
	out := map[string]any{}
	for _, s := range c.settings() {
		out[s.key] = s.field.Interface()
	}
	return out
}
