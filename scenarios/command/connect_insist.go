package command

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// insistMost is the longest pause between two tries.
const insistMost = time.Second

// insist asks again while the answer is an error that passes by itself, until ctx ends: a broker that has just
// died is asked for what it led until the cluster says who leads now. The last error is given back.
func insist[T any](ctx context.Context, ask func() (T, error)) (T, error) {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, insistMost) {
		got, err := ask()
		if err == nil || !passing(err) || !await(ctx, time.Now().Add(pause)) {
			return got, err
		}
	}
}

// passing reports whether an error may be gone when the same is asked again: a connection that broke, a leader or
// a coordinator that is not known yet.
func passing(err error) bool {
	var shards *kadm.ShardErrors
	if errors.As(err, &shards) {
		for _, s := range shards.Errs {
			if !passing(s.Err) {
				return false
			}
		}
		return true
	}
	var code *kerr.Error
	switch {
	case errors.As(err, &code):
		return code.Retriable && !mends(err)
	case errors.As(err, new(*kadm.AuthError)):
		return false
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return false
	}
	return !strings.Contains(err.Error(), "broker is too old") // kgo does not export that error
}

// offsetsOrError is a list of offsets without errors, or the first of its errors.
func offsetsOrError(listed kadm.ListedOffsets, err error) (kadm.ListedOffsets, error) {
	if err == nil {
		err = listed.Error()
	}
	return listed, err
}
