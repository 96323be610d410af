package broker

import (
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/env/mem"
)

// Limits of groups that make no sense are refused; what is left open is Apache Kafka's.
func TestGroupsConfig(t *testing.T) {
	for want, change := range map[string]func(*Groups){
		"session timeouts of group members": func(g *Groups) { g.MinSession, g.MaxSession = time.Minute, time.Second },
		"session timeouts":                  func(g *Groups) { g.MinSession = -1 },
		"sizes and times":                   func(g *Groups) { g.MaxSize = -1 },
		"times of consumer groups":          func(g *Groups) { g.Retention = -time.Hour },
		"-1 partitions":                     func(g *Groups) { g.Partitions = -1 },
		"-1 replicas":                       func(g *Groups) { g.Replication = -1 },
	} {
		cfg := Config{FS: mem.New()}
		change(&cfg.Groups)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	g := Groups{}.withDefaults()
	if g.InitialDelay != 3*time.Second || g.MinSession != 6*time.Second || g.MaxSession != 30*time.Minute || g.Partitions != 50 || g.Replication != 3 {
		t.Errorf("%+v", g)
	}
	if d := (Groups{InitialDelay: -1}).withDefaults().machine().InitialDelay; d != 0 {
		t.Errorf("no delay is %v", d)
	}
	if g := (Groups{MinSession: time.Hour}).withDefaults(); g.validate() != nil {
		t.Errorf("a long shortest session: %v", g.validate())
	}
}
