package canary

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Everything that is ruined is refused for what it is, and nothing of it is in the log.
func TestRuinsAreRefused(t *testing.T) {
	address := served(t)
	ruins, err := Ruins(soon(t), address, "orders", 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(ruins) != len(ruinedBatches)+len(ruinedFrames) {
		t.Errorf("%d ruins", len(ruins))
	}
	for _, r := range ruins {
		sent, err := r.Send(soon(t), address)
		if err != nil {
			t.Fatal(err)
		}
		fate, err := sent.Fate(soon(t))
		if err == nil {
			err = r.Deserves(fate)
		}
		if err != nil {
			t.Errorf("%s: %v", r.Name, err)
		}
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ConsumeTopics("orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if records := client.PollFetches(soon(t)).Records(); len(records) != 1 {
		t.Errorf("the log has %d records; want the one that was there", len(records))
	}
}

// What a node does otherwise than it must is told.
func TestDeserves(t *testing.T) {
	batch, frame := Ruin{request: produce("orders", 0, nil), errors: corrupt}, Ruin{}
	for name, test := range map[string]struct {
		ruin Ruin
		fate Fate
		ok   bool
	}{
		"a batch that is refused":              {batch, Fate{Errors: []string{"CORRUPT_MESSAGE"}}, true},
		"a batch that is taken":                {batch, Fate{Errors: []string{""}}, false},
		"a batch that is refused for a leader": {batch, Fate{Errors: []string{"NOT_LEADER_OR_FOLLOWER"}}, false},
		"a batch that ends the connection":     {batch, Fate{Ended: true}, false},
		"a frame that ends the connection":     {frame, Fate{Ended: true}, true},
		"a frame that does not":                {frame, Fate{}, false},
	} {
		if err := test.ruin.Deserves(test.fate); (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
