package timeline

import "testing"

func TestFaultsThatCannotBothBeProved(t *testing.T) {
	nodes := func(ids ...int32) []End { return nodeEnds(ids) }
	everyClient := End{Client: true, ID: EveryClient}
	kill := Struck{Kind: Kill, Ends: nodes(1)}
	for _, c := range []struct {
		name string
		a, b Struck
		want bool
	}{
		{"the same node", kill, Struck{Kind: SlowDisk, Ends: nodes(1, 2)}, true},
		{"two nodes", kill, Struck{Kind: Kill, Ends: nodes(2)}, false},
		{"the same link", Struck{Kind: Cut, Ends: nodes(0), Peers: nodes(1)}, Struck{Kind: Delay, Ends: nodes(1), Peers: nodes(0, 2)}, true},
		{"two links of one node", Struck{Kind: Cut, Ends: nodes(0), Peers: nodes(1)}, Struck{Kind: Delay, Ends: nodes(2), Peers: nodes(1)}, false},
		{"a link to a node that is down", Struck{Kind: Delay, Ends: nodes(0), Peers: nodes(1)}, kill, true},
		{"a link to a node that is slow", Struck{Kind: Delay, Ends: nodes(0), Peers: nodes(1)}, Struck{Kind: SlowDisk, Ends: nodes(1)}, false},
		{"links to clients of which one crashes", Struck{Kind: Cut, Ends: nodes(0), Peers: []End{everyClient}}, Struck{Kind: CrashClient, Ends: []End{{true, 2}}}, true},
	} {
		if c.a.Disturbs(c.b) != c.want || c.b.Disturbs(c.a) != c.want {
			t.Errorf("%s: they disturb each other: want %v both ways", c.name, c.want)
		}
	}
}
