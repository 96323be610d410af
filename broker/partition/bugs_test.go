package partition

// planted maps the names of bugs to their switches, as the tests write them.
var planted = map[string]func(*Bugs){
	"ack-early":                             func(b *Bugs) { b.AckEarly = true },
	"hw-truncate":                           func(b *Bugs) { b.HWTruncate = true },
	"isr-expand-early-below-high-watermark": func(b *Bugs) { b.IsrExpandEarly.BelowHighWatermark = true },
	"isr-expand-early-below-epoch-start":    func(b *Bugs) { b.IsrExpandEarly.BelowEpochStart = true },
	"isr-expand-early-other-epoch":          func(b *Bugs) { b.IsrExpandEarly.OtherEpoch = true },
	"isr-expand-early-fenced":               func(b *Bugs) { b.IsrExpandEarly.Fenced = true },
	"isr-expand-early-shutting-down":        func(b *Bugs) { b.IsrExpandEarly.ShuttingDown = true },
	"isr-aba":                               func(b *Bugs) { b.IsrABA = true },
	"reborn-replica":                        func(b *Bugs) { b.RebornReplica = true },
	"isr-not-maximal":                       func(b *Bugs) { b.IsrNotMaximal = true },
	"minisr-ignored":                        func(b *Bugs) { b.MinISRIgnored = true },
	"isr-shrink-early":                      func(b *Bugs) { b.IsrShrinkEarly = true },
	"unsynced-follower":                     func(b *Bugs) { b.UnsyncedFollower = true },
}
