package brokertest

import (
	"context"
	"strings"
	"testing"
)

// A goroutine that is left is found, also one that another of the cluster has started, and only in its
// own cluster.
func TestLeaksAreFound(t *testing.T) {
	mine, other := newLabel(), newLabel()
	end, ended := make(chan struct{}), make(chan struct{})
	labelled(t.Context(), mine, func(context.Context) {
		go func() {
			go func() {
				<-end
				close(ended)
			}()
		}()
	})
	if left := alive(mine); !strings.Contains(left, "TestLeaksAreFound") {
		t.Errorf("not found: %q", left)
	}
	if left := alive(other); left != "" {
		t.Errorf("found in another cluster: %s", left)
	}
	close(end)
	<-ended
	if left := leaked(mine); left != "" {
		t.Errorf("found after its end: %s", left)
	}
}
