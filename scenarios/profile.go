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

// profiles in the order of their size. What is in pr is what tells most per second: a leader, a controller and
// all nodes are killed, N-1 of N in every order, a disk is lost, nodes stand still, are restarted.
var profiles = []Profile{
	{
		Name: "smoke", About: "before each commit: a leader is killed, all nodes lose power, and twenty seeds",
		Scenarios: []string{"demo", "whole-cluster-kill"}, Seeds: 20, SeedTime: 30 * time.Second, Within: 90 * time.Second,
	},
	{
		Name: "pr", About: "before a change lands: every kind of failure once, and forty seeds",
		Scenarios: []string{
			"demo", "controller-kill", "whole-cluster-kill", "disk-loss", "rolling-restart", "pause-resume", "n-minus-1-of-2", "n-minus-1-of-3",
		},
		Seeds: 40, SeedTime: time.Minute, Within: 6 * time.Minute,
	},
}

// Profiles lists the profiles.
func Profiles() []Profile { return slices.Clone(profiles) }
