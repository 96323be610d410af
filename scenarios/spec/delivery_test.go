package spec

import (
	"strings"
	"testing"

	"github.com/logproof/logproof/loadgen/payload"
)

func TestDeliveryStandsForAcksAndIdempotence(t *testing.T) {
	for level, want := range map[string]struct {
		acks       Acks
		idempotent bool
	}{
		"none": {AcksNone, false}, "leader": {AcksLeader, false}, "all": {AcksAll, false},
		"idempotent": {AcksAll, true}, "transactional": {AcksAll, true},
	} {
		s, err := Parse("x.yaml", []byte(strings.Replace(small, "10/s}", "10/s, delivery: "+level+"}", 1)))
		if err != nil || s.Load.Acks != want.acks || s.Load.Idempotent != want.idempotent {
			t.Errorf("delivery %s: acks %s, idempotent %v, %v; want %+v", level, s.Load.Acks, s.Load.Idempotent, err, want)
		}
		if got, want := s.Transactional(), level == "transactional"; got != want {
			t.Errorf("delivery %s: transactional is %v", level, got)
		}
	}
}

const transforming = `name: small
topics:
  - {name: orders}
  - {name: copies}
load: {rate: 10/s, delivery: transactional, transactions: {abort_rate: 0.1}}
groups: [{name: copiers, commit: transaction, from: orders, to: copies}]
`

func TestTransactionsHaveDefaults(t *testing.T) {
	s, err := Parse("x.yaml", []byte(transforming))
	if err != nil {
		t.Fatal(err)
	}
	if want := (Transactions{Size: 100, AbortRate: 0.1, Timeout: Duration(10 * second)}); s.Load.Transactions != want {
		t.Errorf("transactions are %+v; want %+v", s.Load.Transactions, want)
	}
	if g := s.Groups[0]; s.Load.Isolation != ReadCommitted || g.Isolation != ReadCommitted || g.TransactionTimeout != Duration(10*second) {
		t.Errorf("readers have %q, members %q and a timeout of %v", s.Load.Isolation, g.Isolation, g.TransactionTimeout)
	}
	if got := s.Outputs(); len(got) != 1 || got[0] != "copies" {
		t.Errorf("outputs are %v", got)
	}
}

func TestWhatDeliveryDoesNotTake(t *testing.T) {
	load := func(keys string) string { return strings.Replace(small, "10/s}", "10/s, "+keys+"}", 1) }
	group := func(from, to string) string { return strings.Replace(transforming, from, to, 1) }
	topic := func(keys, l string) string {
		return strings.Replace(load(l), "name: orders}", "name: orders, "+keys+"}", 1)
	}
	for text, want := range map[string]string{
		load("delivery: transactionl"):                                                                `did you mean "transactional"?`,
		load("delivery: all, acks: all"):                                                              "acks says what delivery: all says already",
		load("delivery: none, idempotent: false"):                                                     "idempotent says what delivery: none says already",
		load("delivery: all, transactions: {size: 5}"):                                                "only producers with delivery: transactional",
		load("delivery: transactional, transactions: {size: 0}"):                                      "load.transactions.size is 0: it must be at least 1",
		load("delivery: transactional, transactions: {abort_rate: 1.5}"):                              "abort_rate is 1.5",
		load("delivery: transactional, transactions: {timeout: 1m}"):                                  "limits.converge gives up after 20s",
		load("delivery: transactional, transactions: {abort_rat: 0}"):                                 `did you mean "abort_rate"?`,
		load("delivery: transactional, max_in_flight: 2"):                                             "max_in_flight does not go with idempotent",
		small + "leader_tour: true\n":                                                                 "every partition has one only",
		load("isolation: read_comitted"):                                                              `did you mean "read_committed"?`,
		load("keys: -1"):                                                                              "load.keys is -1",
		load("key_distribution: uniform"):                                                             "records without keys",
		load("keys: 5, key_distribution: normal"):                                                     "unknown key_distribution",
		load("keys: 5, record_size: 47B"):                                                             "need at least 48B",
		topic("cleanup_policy: compact", "acks: all"):                                                 "takes no record without a key",
		topic("cleanup_policy: compcat", "keys: 5"):                                                   `did you mean "compact"?`,
		topic("delete_retention: 1s", "keys: 5"):                                                      "is a setting of compacted topics",
		topic("segment_size: 1KiB", "keys: 5"):                                                        "topics[0].segment_size is 1024",
		topic("cleanup_policy: compact, min_compaction_lag: -1s", "keys: 5"):                          "must not be negative",
		group("from: orders, ", ""):                                                                   "write from and to",
		group("to: copies", "to: copis"):                                                              `did you mean "copies"?`,
		group("from: orders", "from: order"):                                                          `did you mean "orders"?`,
		group("to: copies", "to: orders"):                                                             "topic orders is what group copiers is made from",
		group("commit: transaction", "commit: after"):                                                 "to is for members that write",
		group("to: copies", "to: copies, commit_interval: 1s"):                                        "does not go with commit: transaction",
		group("to: copies", "to: copies, transaction_timeout: 30s"):                                   "a transaction that nobody ends",
		group("to: copies", "to: copies, isolation: none"):                                            "unknown isolation",
		group("to: copies}", "to: copies}, {name: b, commit: transaction, from: orders, to: copies}"): "group copiers writes to topic copies already",
		group("{rate: 10/s", "{record_size: 50B, rate: 10/s"):                                         "need at least 58B",
	} {
		if _, err := Parse("x.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "x.yaml:") {
			t.Errorf("%s: error is %v; want %q in it", text, err, want)
		}
	}
}

func TestRoomOfSourcesAndKeysIsThatOfPayloads(t *testing.T) {
	if sourceSize != payload.SourceSize || keySize != payload.KeySize {
		t.Errorf("sources and keys take %d and %d bytes here, %d and %d in payloads", sourceSize, keySize, payload.SourceSize, payload.KeySize)
	}
}
