package broker

import (
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/env/mem"
)

func TestParseRoles(t *testing.T) {
	for text, want := range map[string]Roles{
		"broker": {Broker: true}, "controller": {Controller: true},
		"broker,controller": {true, true}, "controller, broker": {true, true},
	} {
		got, err := ParseRoles(text)
		if err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
		if again, err := ParseRoles(got.String()); err != nil || again != got {
			t.Errorf("%v does not read what it writes: %v, %v", got, again, err)
		}
	}
	for _, text := range []string{"", "leader", "broker,,controller"} {
		if _, err := ParseRoles(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestParseVoters(t *testing.T) {
	got, err := ParseVoters("1@127.0.0.1:9101, 2@[::1]:9102")
	want := []Voter{{1, "127.0.0.1:9101"}, {2, "[::1]:9102"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := ParseVoters(""); err != nil || got != nil {
		t.Errorf("of nothing: %v, %v", got, err)
	}
	for _, text := range []string{"127.0.0.1:9101", "one@127.0.0.1:9101", "1@a:1,"} {
		if _, err := ParseVoters(text); err == nil || !strings.Contains(err.Error(), "id@host:port") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A place in a cluster that cannot work is refused with what to do about it, all at once.
func TestValidateCluster(t *testing.T) {
	voters := []Voter{{1, "127.0.0.1:9101"}, {2, "127.0.0.1:9102"}}
	good := Config{FS: mem.New(), NodeID: 1, Voters: voters, PeerListen: "127.0.0.1:9101"}
	both := Roles{Broker: true, Controller: true}
	for name, change := range map[string]func(*Config){
		"a voter":                               func(*Config) {},
		"a lone node":                           func(c *Config) { c.Voters, c.PeerListen = nil, "" },
		"a controller":                          func(c *Config) { c.Roles = Roles{Controller: true} },
		"a broker":                              func(c *Config) { c.NodeID, c.Roles = 3, Roles{Broker: true} },
		"a given listener":                      func(c *Config) { c.PeerListen, c.PeerListener = "", &net.TCPListener{} },
		"behind a proxy":                        func(c *Config) { c.Advertise, c.PeerAdvertise = "127.0.0.1:9092", "127.0.0.1:9101" },
		"the tuned profile":                     func(c *Config) { c.SessionTimeout, c.Heartbeat = 600*time.Millisecond, 150*time.Millisecond },
		"more min ISR than default replication": func(c *Config) { c.MinISR = 2 },
	} {
		cfg := good
		if change(&cfg); cfg.Validate() != nil {
			t.Errorf("%s: %v", name, cfg.Validate())
		}
	}
	for want, change := range map[string]func(*Config){
		"name the controllers of its cluster with --voters": func(c *Config) { c.Roles, c.Voters = Roles{Broker: true}, nil },
		"node 3 is a controller and not among the voters":   func(c *Config) { c.NodeID, c.Roles = 3, both },
		"node 1 is among the voters":                        func(c *Config) { c.Roles = Roles{Broker: true} },
		"give one with --peers host:port":                   func(c *Config) { c.PeerListen = "" },
		"leave --listen out":                                func(c *Config) { c.Roles, c.Listen = Roles{Controller: true}, "127.0.0.1:9092" },
		"voter 2@nowhere: want an id":                       func(c *Config) { c.Voters = []Voter{voters[0], {2, "nowhere"}} },
		"voter 2@127.0.0.1:0: want an id":                   func(c *Config) { c.Voters = []Voter{voters[0], {2, "127.0.0.1:0"}} },
		"voter 1@127.0.0.1:9103: its id or its address":     func(c *Config) { c.Voters = append(voters[:2:2], Voter{1, "127.0.0.1:9103"}) },
		"voter 3@127.0.0.1:9101: its id or its address":     func(c *Config) { c.Voters = append(voters[:2:2], Voter{3, "127.0.0.1:9101"}) },
		"--heartbeat every 6s":                              func(c *Config) { c.Heartbeat = 6 * time.Second },
		"--quorum-tick -1s: want 1ms or more":               func(c *Config) { c.QuorumTick = -time.Second },
		"--advertise nowhere: ":                             func(c *Config) { c.Advertise = "nowhere" },
		"--advertise-peers 127.0.0.1:0: want":               func(c *Config) { c.PeerAdvertise = "127.0.0.1:0" },
		"leave it out, or give --listen too":                func(c *Config) { c.Roles, c.Advertise = Roles{Controller: true}, "127.0.0.1:9092" },
		"leave it out, or give --peers too":                 func(c *Config) { c.Voters, c.PeerListen, c.PeerAdvertise = nil, "", "127.0.0.1:9101" },
		`no setting "leader.replication`: func(c *Config) {
			c.Settings = map[string]string{"leader.replication.throttled.rate": "1"} // only while it runs
		},
		"log.retention.ms is \"-2\": want a number from -1": func(c *Config) { c.Settings = map[string]string{"log.retention.ms": "-2"} },
		"min ISR -1":       func(c *Config) { c.MinISR = -1 },
		`cluster id "a b"`: func(c *Config) { c.ClusterID = "a b" },
	} {
		cfg := good
		change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// Where nothing is said, a node is a cluster by itself, with Kafka's times.
func TestDefaults(t *testing.T) {
	c := Config{}.withDefaults()
	if c.Roles != (Roles{true, true}) || c.ClusterID != "logproof" || c.Listen != "127.0.0.1:9092" || c.DefaultReplication != 1 || c.MinISR != 1 ||
		c.SessionTimeout != 9*time.Second || c.Heartbeat != 2*time.Second || c.ReplicaLagMax != 30*time.Second || c.QuorumTick != 100*time.Millisecond {
		t.Errorf("%+v", c)
	}
	for session, heartbeat := range map[time.Duration]time.Duration{600 * time.Millisecond: 150 * time.Millisecond, time.Minute: 2 * time.Second} {
		short := Config{SessionTimeout: session, FS: mem.New()}
		if got := short.withDefaults().Heartbeat; got != heartbeat || short.Validate() != nil {
			t.Errorf("with a session of %v: a heartbeat every %v, want %v; %v", session, got, heartbeat, short.Validate())
		}
	}
	if c := (Config{Roles: Roles{Controller: true}}).withDefaults(); c.Listen != "" {
		t.Errorf("a controller listens for clients on %s", c.Listen)
	}
}

// Logs are looked at every 15 s unless it is said otherwise, or never.
func TestCleanCheck(t *testing.T) {
	for want, c := range map[time.Duration]Config{15 * time.Second: {}, time.Second: {CleanCheck: time.Second}, -1: {CleanCheck: time.Second, NoClean: true}} {
		if got := c.clean(); got != want {
			t.Errorf("%+v: every %v, want %v", c, got, want)
		}
	}
	if err := (Config{FS: mem.New(), CleanCheck: -1}).Validate(); err == nil || !strings.Contains(err.Error(), "want more than 0, or 0 for every 15 s") {
		t.Errorf("never, by the time between: %v", err)
	}
	for _, v := range (Config{NoClean: true}).fixed() {
		if v.Name == "log.cleaner.enable" && v.Value != "false" {
			t.Errorf("%+v", v)
		}
	}
}
