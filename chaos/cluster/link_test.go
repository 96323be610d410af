package cluster

import (
	"strings"
	"testing"
	"time"
)

func TestLinksContain(t *testing.T) {
	a, b, c := NodeEnd(0), NodeEnd(1), ClientEnd(0)
	for _, tt := range []struct {
		set, one Link
		want     bool
	}{
		{Link{a, b}, Link{a, b}, true},
		{Link{a, b}, Link{b, a}, false},
		{Link{a, AllNodes}, Link{a, b}, true},
		{Link{a, AllNodes}, Link{a, c}, false},
		{Link{AllNodes, a}, Link{b, a}, true},
		{Link{AllClients, b}, Link{c, b}, true},
		{Link{c, b}, Link{AllClients, b}, false}, // a client that nobody numbered
		{Link{AllClients, b}, Link{AllClients, b}, true},
		{Link{Everyone, Everyone}, Link{c, b}, true},
		{Link{Everyone, Everyone}, Link{a, a}, false},
		{Link{AllNodes, a}, Link{a, a}, false},
		{Link{a, a}, Link{a, a}, true},
	} {
		if got := tt.set.Contains(tt.one); got != tt.want {
			t.Errorf("%v contains %v: %v, want %v", tt.set, tt.one, got, tt.want)
		}
	}
	if got := (Link{a, c}).Reverse(); got != (Link{c, a}) {
		t.Errorf("reverse of a link is %v", got)
	}
}

func TestLinkRulesPrint(t *testing.T) {
	pair := Link{NodeEnd(0), NodeEnd(1)}
	for want, r := range map[string]LinkRule{
		"cut on node(0) -> node(1)":                  {Link: pair, Mode: Cut},
		"cut on everyone -> clients":                 {Link: Link{Everyone, AllClients}, Mode: Cut},
		"delay 5ms ±1ms on nodes -> client(3)":       {Link: Link{AllNodes, ClientEnd(3)}, Mode: Delay, Delay: 5 * time.Millisecond, Jitter: time.Millisecond},
		"bandwidth 1000 B/s on node(0) -> node(1)":   {Link: pair, Mode: Bandwidth, Rate: 1000},
		"stale-metadata 2 times on clients -> nodes": {Link: Link{AllClients, AllNodes}, Mode: StaleMetadata, Count: 2},
		"rewrite-error of Produce for orders partition 0 to NOT_LEADER_OR_FOLLOWER 2 times on clients -> node(1)": {
			Link: Link{AllClients, NodeEnd(1)}, Mode: RewriteError, API: "Produce", Topic: "orders", Error: "NOT_LEADER_OR_FOLLOWER", Count: 2},
	} {
		if got := r.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if err := r.Validate(); err != nil {
			t.Errorf("%s: %v", want, err)
		}
	}
	if got := (End{Group: 9, ID: 2}).String(); got != "end(9,2)" {
		t.Errorf("an end of no group is %s", got)
	}
}

func TestBadLinkRules(t *testing.T) {
	pair := Link{NodeEnd(0), NodeEnd(1)}
	for want, r := range map[string]LinkRule{
		`unknown link mode "snip"`:           {Link: pair, Mode: "snip"},
		"needs a delay above 0":              {Link: pair, Mode: SlowClose},
		"takes no delay":                     {Link: pair, Mode: Cut, Delay: 1},
		"takes no jitter":                    {Link: pair, Mode: DelayResponse, Delay: 2, Jitter: 1},
		"needs a jitter from 0 to its delay": {Link: pair, Mode: Delay, Delay: 1, Jitter: 2},
		"needs a rate above 0":               {Link: pair, Mode: Bandwidth},
		"takes no rate":                      {Link: pair, Mode: Stall, Rate: 1},
		"takes no api":                       {Link: pair, Mode: StaleMetadata, API: "Metadata"},
		"needs an api":                       {Link: pair, Mode: RewriteError, Error: "UNKNOWN_SERVER_ERROR"},
		"needs an error":                     {Link: pair, Mode: RewriteError, API: "Produce"},
		"takes no error":                     {Link: pair, Mode: DropResponse, Error: "UNKNOWN_SERVER_ERROR"},
		"takes no topic":                     {Link: pair, Mode: Cut, Topic: "orders"},
		"a partition, but no topic":          {Link: pair, Mode: DropResponse, Partition: 1},
		"below AnyPartition":                 {Link: pair, Mode: DropResponse, Topic: "orders", Partition: -2},
		"a count below 0":                    {Link: pair, Mode: DropResponse, Count: -1},
		"node(-2) is no end":                 {Link: Link{NodeEnd(-2), NodeEnd(1)}, Mode: Cut},
		"everyone is no end":                 {Link: Link{NodeEnd(1), End{}}, Mode: Cut},
	} {
		if err := r.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", r, err, want)
		}
	}
}

func TestLinkModesSayWhatTheyConcern(t *testing.T) {
	for mode := range modes {
		requests := strings.Contains(string(mode), "response") || mode == RewriteError || mode == StaleMetadata
		if mode.OfRequests() != requests {
			t.Errorf("%s of requests: %v", mode, mode.OfRequests())
		}
		bytes := mode == Cut || mode == Stall || mode == Delay || mode == Bandwidth
		if mode.OfConnections() == bytes {
			t.Errorf("%s of connections: %v", mode, mode.OfConnections())
		}
	}
}
