package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// killEvery is how often a broker dies, downFor how long it is away.
	killEvery = 5 * time.Second
	downFor   = time.Second
	// chaosSeed draws which one.
	chaosSeed = 1
	// chaosRecords keep the suite at some minutes.
	chaosRecords = 10000
)

// runKgoChaos runs the suite of kgo while one broker after the other is killed and started again.
func runKgoChaos(ctx context.Context, f *field) ([]result, error) {
	f.records = min(f.records, chaosRecords)
	killing, stop := context.WithCancel(ctx)
	var done sync.WaitGroup
	var kills int
	var failed error
	done.Go(func() { kills, failed = f.killBrokers(killing) })
	results, err := f.kgo(ctx)
	stop()
	done.Wait()
	fmt.Printf("%d brokers were killed meanwhile\n", kills)
	if err == nil && failed == nil && kills == 0 {
		failed = fmt.Errorf("no broker was killed: the suite took less than %v", killEvery)
	}
	if err == nil {
		err = failed
	}
	return results, err
}

// killBrokers kills one after the other until ctx ends, and leaves all of them up. Which one is drawn: in turn they
// would follow the lead of a partition around its replicas, and a coordinator that lives for three seconds never sees
// the end of a rebalance that somebody is late for.
func (f *field) killBrokers(ctx context.Context) (kills int, err error) {
	dice := rand.New(rand.NewPCG(chaosSeed, 0))
	tick := time.NewTicker(killEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return kills, nil
		}
		victim := dice.IntN(clusterNodes)
		lasting := context.WithoutCancel(ctx) // a broker that was killed comes back, whatever happens
		if err := f.cluster.act(lasting, "kill", victim); err != nil {
			return kills, err
		}
		kills++
		fmt.Fprintf(f.log, "broker %d is killed\n", victim)
		select {
		case <-time.After(downFor):
		case <-ctx.Done():
		}
		if err := f.cluster.act(lasting, "restart", victim); err != nil {
			return kills, err
		}
	}
}
