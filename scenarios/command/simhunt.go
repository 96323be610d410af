package command

import (
	"context"
	"fmt"
	"time"

	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/verify"
)

// simHunt is what the simulator must find of a bug that no scenario on processes shows reliably: it takes
// an order of events that only a seed can make.
type simHunt struct {
	// Rule and Class of the anomaly that must be found.
	Rule  verify.Rule
	Class verify.Class
	// Seeds is how many of them, counted up from the round's, may be tried.
	Seeds int
}

// simHunts are the bugs that the simulator hunts. A bug that stands neither here nor in a scenario is a hole
// in the proof, and known-bugs refuses to run.
var simHunts = map[bug.Name]simHunt{
	bug.HWTruncate:                 {verify.Loss, verify.LostWrite, 200},
	bug.Unclean:                    {verify.Loss, verify.LostWrite, 200},
	bug.UnsyncedFollower:           {verify.Loss, verify.LostWrite, 200},
	bug.IsrExpandEarlyWatermark:    {verify.Loss, verify.LostWrite, 200},
	bug.IsrExpandEarlyEpochStart:   {verify.Loss, verify.LostWrite, 200},
	bug.IsrExpandEarlyOtherEpoch:   {verify.Loss, verify.LostWrite, 200},
	bug.IsrExpandEarlyFenced:       {verify.Loss, verify.LostWrite, 200},
	bug.IsrExpandEarlyShuttingDown: {verify.Loss, verify.LostWrite, 200},
	bug.IsrABA:                     {verify.Loss, verify.LostWrite, 200},
	bug.RebornReplica:              {verify.Loss, verify.LostWrite, 200},
	bug.VoteUnsynced:               {verify.Loss, verify.LostWrite, 200},
	bug.IsrNotMaximal:              {verify.Loss, verify.LostWrite, 200},
	bug.LastReplica:                {verify.Loss, verify.LostWrite, 200},
	bug.StaleLeaderServes:          {verify.Recency, verify.StaleRead, 200},
}

// huntInSim simulates seeds from first on until one of them finds what the hunt asks for, and says what; ""
// is that none did. It is nil as long as the simulator runs no clusters: then the rows of these bugs say that
// they were skipped.
var huntInSim func(ctx context.Context, name bug.Name, h simHunt, first int64) (found string, err error)

// sim hunts a bug in the simulator for all rounds.
func (h *hunt) sim(ctx context.Context, name bug.Name, s simHunt) error {
	if huntInSim == nil {
		fmt.Fprintf(h.stdout, "%-30s %-5s %-16s %-18s %s\n", name, inSim, s.Rule, s.Class, "skipped: the simulator does not hunt in clusters yet")
		return nil
	}
	caught, note, began := 0, "", time.Now()
	for round := range h.rounds {
		found, err := huntInSim(ctx, name, s, h.seed+int64(round*s.Seeds))
		if err != nil {
			return environment(err)
		}
		if found != "" {
			caught++
		}
		if note == "" {
			note = found
		}
	}
	h.row(string(name), inSim, string(s.Rule), string(s.Class), caught, h.rounds, began, note)
	return nil
}
