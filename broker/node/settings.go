package node

import (
	"fmt"
	"maps"
	"strconv"

	"github.com/logproof/logproof/broker/metadata"
)

// completeSettings brings together what the configuration says of topics that say nothing: by Kafka's
// names in Settings, and in fields that are older than those.
func (c *Config) completeSettings() error {
	checked, err := metadata.CheckSettings(c.Settings)
	if err != nil {
		return fmt.Errorf("node: settings of topics: %w", err)
	}
	c.settings = metadata.Defaults(checked)
	static := map[string]string{}
	maps.Copy(static, checked)
	byDefault := metadata.Defaults(nil)
	for _, f := range []struct {
		name            string
		older           int64
		field, standard *int64
	}{
		{"segment.bytes", c.Log.SegmentBytes, &c.settings.SegmentBytes, &byDefault.SegmentBytes},
		{"index.interval.bytes", int64(c.Log.IndexIntervalBytes), &c.settings.IndexIntervalBytes, &byDefault.IndexIntervalBytes},
		{"max.message.bytes", int64(c.Sessions.MaxBatch), &c.settings.MaxMessageBytes, &byDefault.MaxMessageBytes},
		{metadata.MinISRConfig, int64(c.Controller.DefaultMinISR), &c.settings.MinISR, &byDefault.MinISR},
	} {
		if _, ok := checked[f.name]; ok || f.older <= 0 {
			continue
		}
		*f.field = f.older
		if f.older != *f.standard {
			static[f.name] = strconv.FormatInt(f.older, 10)
		}
	}
	c.Sessions.Static, c.Controller.Static = static, static
	c.Controller.DefaultMinISR, c.Controller.DefaultUnclean = int(c.settings.MinISR), c.settings.Unclean
	return nil
}
