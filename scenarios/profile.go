package scenarios

import (
	"slices"
	"time"
)

// Profile is scenarios and seeds of the simulator that are run one after the other, with one verdict.
type Profile struct {
	Name string
	// About says in one line what it is for.
	About string
	// Scenarios by name, in the order in which they are run.
	Scenarios []string
	// Seeds of the simulator, each for SeedTime of simulated load and faults.
	Seeds    int
	SeedTime time.Duration
	// Within is how long all of it may take on two cores; it is held by whoever runs it, not by the profile.
	Within time.Duration
}

// profiles in the order of their size. What is in pr is what tells most per second, each another kind of failure:
// of a process, a link, an answer that is lost after its write was committed, the quorum, power, a disk's bits, of
// all nodes in turn, and N-1 of N in every order.
var profiles = []Profile{
	{
		Name: "smoke", About: "before each commit: a leader is killed, all nodes lose power, and twenty seeds",
		Scenarios: []string{"demo", "whole-cluster-kill"}, Seeds: 20, SeedTime: 30 * time.Second, Within: 90 * time.Second,
	},
	{
		Name: "pr", About: "before a change lands: every kind of failure once, and forty seeds",
		Scenarios: []string{
			"demo", "leader-isolated", "ack-lost", "quorum-loss", "power-loss", "bit-rot", "rolling-restart", "n-minus-1-of-3",
		},
		Seeds: 40, SeedTime: time.Minute, Within: 6 * time.Minute,
	},
}

// Profiles lists the profiles.
func Profiles() []Profile { return slices.Clone(profiles) }
