package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"pabal/audience"
)

// choices are the flags of `subscriber set` about what somebody gets.
type choices struct {
	on, off             []string
	frequency, language string
}

func (c *choices) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&c.off, "topic-off", nil, "switch a `TOPIC` off")
	flags.StringArrayVar(&c.on, "topic-on", nil, "switch a `TOPIC` on, unless the person switched it off")
	flags.StringVar(&c.frequency, "frequency", "", "how often at most: all, weekly or monthly")
	flags.StringVar(&c.language, "language", "", "of their pages: ko, en or empty")
}

// preferences are what the flags that were given say.
func (c *choices) preferences(cmd *cobra.Command) (audience.Preferences, error) {
	var p audience.Preferences
	for on, ids := range map[bool][]string{true: c.on, false: c.off} {
		for _, id := range ids {
			if _, twice := p.Topics[id]; twice {
				return p, usage(fmt.Sprintf("the topic %q is given twice", id), "switch it on or off")
			}
			if p.Topics == nil {
				p.Topics = map[string]bool{}
			}
			p.Topics[id] = on
		}
	}
	if cmd.Flags().Changed("frequency") {
		p.Frequency = &c.frequency
	}
	if cmd.Flags().Changed("language") {
		p.Language = &c.language
	}
	return p, nil
}
