package brokertest

import (
	"bytes"
	"context"
	"fmt"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"time"
)

// Goroutines inherit the profiler's labels from those that start them: that is how the goroutines of one
// cluster are told from those of others and of the test.
const labelKey = "brokertest"

var labels atomic.Int64

func newLabel() string { return fmt.Sprintf("cluster-%d", labels.Add(1)) }

// labelled runs f so that it and all that it starts belong to the label.
func labelled(ctx context.Context, label string, f func(context.Context)) {
	pprof.Do(ctx, pprof.Labels(labelKey, label), f)
}

// endWithin is how long a goroutine may take to end that has been told to.
const endWithin = 5 * time.Second

// leaked describes the goroutines of a label that do not end; "" for none.
func leaked(label string) string {
	deadline := time.Now().Add(endWithin)
	for {
		left := alive(label)
		if left == "" || time.Now().After(deadline) {
			return left
		}
		time.Sleep(askEvery)
	}
}

// alive describes the goroutines of a label.
func alive(label string) string {
	var profile bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&profile, 1) // a buffer takes everything
	mark := fmt.Sprintf("%q:%q", labelKey, label)
	var found []string
	for stack := range strings.SplitSeq(profile.String(), "\n\n") {
		if strings.Contains(stack, mark) {
			found = append(found, stack)
		}
	}
	return strings.Join(found, "\n\n")
}
