package fault

import (
	"errors"
	"fmt"

	"github.com/logproof/logproof/chaos/cluster"
	"github.com/logproof/logproof/chaos/timeline"
)

// errLacks is the error of a maker whose cluster lacks the capability that the table of kinds names.
var errLacks = errors.New("the capability is missing")

// maker makes a fault of one kind; the arguments are those of New.
type maker func(f timeline.Fault, c cluster.Cluster, target timeline.End, peers []timeline.End) (Fault, error)

// makers of all kinds.
var makers = map[timeline.Kind]maker{
	timeline.Kill: makeKill, timeline.Pause: makePause, timeline.Restart: makeRestart, timeline.DiskLoss: makeDiskLoss,

	timeline.Cut: makeLinks, timeline.Refuse: makeLinks, timeline.Reset: makeLinks, timeline.Stall: makeLinks,
	timeline.SlowClose: makeLinks, timeline.Delay: makeLinks, timeline.Bandwidth: makeLinks,
	timeline.DropResponse: makeLinks, timeline.DelayResponse: makeLinks, timeline.RewriteError: makeLinks,
	timeline.StaleMetadata: makeLinks, timeline.DuplicateResponse: makeLinks,

	timeline.PowerLoss: makePowerLoss, timeline.DiskFull: makeDiskFull, timeline.SyncError: makeSyncError,
	timeline.SlowDisk: makeSlowDisk, timeline.BitRot: makeBitRot, timeline.Clock: makeClock,

	timeline.TransferLeader: makeTransfer, timeline.Reassign: makeReassign, timeline.CrashClient: makeCrash, timeline.DoubleClient: makeDouble,
	timeline.ConnectionStorm: makeStorm, timeline.Poison: makePoison,

	timeline.Disconnect: makeDisconnect,
}

func makeKill(_ timeline.Fault, c cluster.Cluster, target timeline.End, _ []timeline.End) (Fault, error) {
	killer, ok := c.(cluster.Killer)
	if !ok {
		return nil, errLacks
	}
	return &kill{mortal{cluster: c, starter: killer, node: target.ID}, killer}, nil
}

func makePause(_ timeline.Fault, c cluster.Cluster, target timeline.End, _ []timeline.End) (Fault, error) {
	pauser, ok := c.(cluster.Pauser)
	if !ok {
		return nil, errLacks
	}
	return &pause{cluster: c, pauser: pauser, node: target.ID}, nil
}

func makeRestart(_ timeline.Fault, c cluster.Cluster, target timeline.End, _ []timeline.End) (Fault, error) {
	terminator, ok := c.(cluster.Terminator)
	replicated, syncs := c.(cluster.Replicated)
	if !ok || !syncs {
		return nil, errLacks
	}
	return &restart{mortal: mortal{cluster: c, starter: terminator, node: target.ID}, terminator: terminator, replicated: replicated}, nil
}

func makeDiskLoss(_ timeline.Fault, c cluster.Cluster, target timeline.End, _ []timeline.End) (Fault, error) {
	wiper, ok := c.(cluster.Wiper)
	replicated, syncs := c.(cluster.Replicated)
	if !ok || !syncs {
		return nil, errLacks
	}
	k := kill{mortal{cluster: c, starter: wiper, node: target.ID}, wiper}
	return &diskLoss{kill: k, wiper: wiper, replicated: replicated}, nil
}

func makeDisconnect(_ timeline.Fault, c cluster.Cluster, target timeline.End, _ []timeline.End) (Fault, error) {
	disconnecter, ok := c.(cluster.Disconnecter)
	pinger, pings := c.(cluster.Pinger)
	replicated, syncs := c.(cluster.Replicated)
	if !ok || !pings || !syncs {
		return nil, errLacks
	}
	return &disconnect{cluster: c, disconnecter: disconnecter, pinger: pinger, replicated: replicated, node: target.ID, witness: nobody}, nil
}

func makePowerLoss(_ timeline.Fault, c cluster.Cluster, target timeline.End, _ []timeline.End) (Fault, error) {
	disk, ok := c.(cluster.DiskController)
	replicated, syncs := c.(cluster.Replicated)
	if !ok || !syncs {
		return nil, errLacks
	}
	return &powerLoss{mortal: mortal{cluster: c, starter: disk, node: target.ID}, disk: disk, replicated: replicated}, nil
}

// makeDisk is what the faults that change the rules of a disk have in common.
func makeDisk(c cluster.Cluster, target timeline.End, ends bool, rules ...string) (diskRules, error) {
	disk, ok := c.(cluster.DiskController)
	replicated, syncs := c.(cluster.Replicated)
	if !ok || !syncs {
		return diskRules{}, errLacks
	}
	return diskRules{
		mortal: mortal{cluster: c, starter: disk, node: target.ID}, disk: disk, replicated: replicated,
		writer: newWriter(c, target.ID), rules: rules, ends: ends,
	}, nil
}

func makeDiskFull(f timeline.Fault, c cluster.Cluster, target timeline.End, _ []timeline.End) (Fault, error) {
	d, err := makeDisk(c, target, true)
	return &diskFull{diskFails{d, "ENOSPC"}, f.Params.Space}, err
}

func makeSyncError(_ timeline.Fault, c cluster.Cluster, target timeline.End, _ []timeline.End) (Fault, error) {
	d, err := makeDisk(c, target, true, "sync-error=now")
	return &diskFails{d, "EIO"}, err
}

func makeSlowDisk(f timeline.Fault, c cluster.Cluster, target timeline.End, _ []timeline.End) (Fault, error) {
	if f.Params.Jitter != 0 {
		return nil, errors.New("the disks of processes take no jitter: leave it out, or write placement: sim")
	}
	d, err := makeDisk(c, target, false, "sync-delay="+f.Params.Delay.String())
	return &slowDisk{diskRules: d, delay: f.Params.Delay}, err
}

func makeBitRot(f timeline.Fault, c cluster.Cluster, target timeline.End, _ []timeline.End) (Fault, error) {
	disk, ok := c.(cluster.DiskController)
	replicated, syncs := c.(cluster.Replicated)
	if !ok || !syncs {
		return nil, errLacks
	}
	return &bitRot{cluster: c, disk: disk, replicated: replicated, node: target.ID, topic: f.Params.Topic, partition: max(0, f.Params.Partition)}, nil
}

func makeClock(f timeline.Fault, c cluster.Cluster, target timeline.End, _ []timeline.End) (Fault, error) {
	setter, ok := c.(cluster.ClockSetter)
	metered, shows := c.(cluster.Metered)
	if !ok || !shows {
		return nil, errLacks
	}
	return &clock{setter: setter, metered: metered, node: target.ID, offset: f.Params.Offset}, nil
}

// makeTransfer prepares the fault for the leader of the partition that the fault's target names.
func makeTransfer(f timeline.Fault, c cluster.Cluster, target timeline.End, _ []timeline.End) (Fault, error) {
	transferrer, ok := c.(cluster.Transferrer)
	if !ok {
		return nil, errLacks
	}
	s, err := leaderOf(f.Target)
	if err != nil {
		return nil, err
	}
	return &transferLeader{transferrer: transferrer, topic: s.Topic, partition: s.Partition, from: target.ID}, nil
}

// makeReassign prepares the fault for the partition whose leader the fault's target names.
func makeReassign(f timeline.Fault, c cluster.Cluster, target timeline.End, _ []timeline.End) (Fault, error) {
	reassigner, ok := c.(cluster.Reassigner)
	if !ok {
		return nil, errLacks
	}
	s, err := leaderOf(f.Target)
	if err != nil {
		return nil, err
	}
	return &reassign{reassigner: reassigner, topic: s.Topic, partition: s.Partition, from: target.ID}, nil
}

// leaderOf reads a target that is the leader of a partition.
func leaderOf(target timeline.Target) (timeline.Selector, error) {
	s, err := target.Selector()
	if err == nil && s.Role != timeline.Leader {
		err = fmt.Errorf("target %s: name the partition whose leader gives its place up, as in leader(orders,0)", target)
	}
	return s, err
}

func makeCrash(_ timeline.Fault, c cluster.Cluster, target timeline.End, _ []timeline.End) (Fault, error) {
	crasher, ok := c.(cluster.ClientCrasher)
	linker, links := c.(cluster.Linker) // to see that a client is gone
	if !ok || !links {
		return nil, errLacks
	}
	return &crashClient{crasher: crasher, linker: linker, client: target.ID}, nil
}

func makeDouble(_ timeline.Fault, c cluster.Cluster, target timeline.End, _ []timeline.End) (Fault, error) {
	doubler, ok := c.(cluster.ClientDoubler)
	if !ok {
		return nil, errLacks
	}
	if target.ID == timeline.EveryClient {
		return nil, errors.New("double one client: write client(0)")
	}
	return &doubleClient{doubler: doubler, client: target.ID}, nil
}

func makeStorm(f timeline.Fault, c cluster.Cluster, target timeline.End, _ []timeline.End) (Fault, error) {
	return &connectionStorm{cluster: c, node: target.ID, count: f.Params.Count}, nil
}

func makePoison(f timeline.Fault, c cluster.Cluster, target timeline.End, _ []timeline.End) (Fault, error) {
	return &poison{cluster: c, node: target.ID, topic: f.Params.Topic, partition: max(0, f.Params.Partition), count: f.Params.Count}, nil
}

func makeLinks(f timeline.Fault, c cluster.Cluster, target timeline.End, peers []timeline.End) (Fault, error) {
	return newLinks(f, c, target, peers)
}
