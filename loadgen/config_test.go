package loadgen

import (
	"strings"
	"testing"

	"github.com/logproof/logproof/loadgen/client"
	"github.com/logproof/logproof/loadgen/pace"
	"github.com/logproof/logproof/verify/history"
)

// nowhere is a recorder that keeps nothing.
type nowhere struct{}

func (nowhere) Now() history.Time           { return 1 }
func (nowhere) Operation(history.Operation) {}
func (nowhere) Attempt(history.Attempt)     {}

func validConfig() Config {
	return Config{
		Run: 7, Seed: 1, Brokers: []string{"127.0.0.1:1"}, Topics: []Topic{{Name: "orders", Partitions: 3, ReplicationFactor: 1}},
		Producers: 2, Rate: pace.PerSecond(2000), RecordSize: 100, Producer: client.DefaultProducerSpec(), Readers: 2, Recorder: nowhere{},
	}
}

func TestConfigValidate(t *testing.T) {
	f := func(change func(*Config), want string) {
		t.Helper()
		c := validConfig()
		change(&c)
		_, err := New(c)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
	f(func(*Config) {}, "")
	f(func(c *Config) { c.Brokers = nil }, "no broker addresses")
	f(func(c *Config) { c.Recorder = nil }, "no recorder")
	f(func(c *Config) { c.Topics = nil }, "no topics")
	f(func(c *Config) { c.Topics = append(c.Topics, c.Topics[0]) }, "there twice")
	f(func(c *Config) { c.Topics[0].Name = "a b" }, `topic name "a b"`)
	f(func(c *Config) { c.Topics[0].Partitions = 0 }, "0 partitions")
	f(func(c *Config) { c.Topics[0].ReplicationFactor = 0 }, "replication factor 0")
	f(func(c *Config) { c.Topics[0].ReplicationFactor = -1 }, "")
	f(func(c *Config) { c.Producers = 0 }, "0 producers")
	f(func(c *Config) { c.Readers = -1 }, "-1 readers")
	f(func(c *Config) { c.Rate = pace.Rate{} }, "rate has no records")
	f(func(c *Config) { c.RecordSize = 10 }, "record size 10")
	f(func(c *Config) { c.RecordSize = 1 << 30 }, "over the limit")
	f(func(c *Config) { c.MaxBehind = -1 }, "max behind")
	f(func(c *Config) { c.MaxInFlightRecords = 1 }, "1 records for 2 producers")
	f(func(c *Config) { c.Producer.Acks = client.AcksLeader }, "need acks=all")
	f(func(c *Config) { c.Client.RetryBackoff = -1 }, "retry backoff")
	f(func(c *Config) { c.Reader.MaxWait = 1 }, "reader max wait")
}

func TestEveryMistakeIsListed(t *testing.T) {
	_, err := New(Config{})
	for _, want := range []string{"no broker", "no recorder", "no topics", "0 producers", "rate has no records", "record size 0"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not among the mistakes:\n%v", want, err)
		}
	}
}

func TestConfigPrintsWhatItWillDo(t *testing.T) {
	text := validConfig().String()
	for _, want := range []string{"2000/s of 100 bytes from 2 producers", "orders, 3 partitions", "acks all, idempotent true", "retry backoff 50ms", "fetch max wait 500ms"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
}
