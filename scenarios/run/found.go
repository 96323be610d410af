package run

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
	"github.com/logproof/logproof/verify/linearize"
)

// Findings says when each class of anomaly was first found in a recorded run, as a watch of it would have said
// while it went on.
func Findings(dir string) ([]verify.Finding, error) {
	p, err := readPlan(dir)
	if err != nil {
		return nil, err
	}
	src, err := history.Open(filepath.Join(dir, historyFile))
	if err != nil {
		return nil, fmt.Errorf("read the history again: %w", err)
	}
	defer src.Close()
	return Watched(src, expectation(p), verify.DefaultWatchEvery)
}

// Watched looks at a history after every so many operations. The error is that of a history which cannot be
// read; one that is torn ends where it does.
func Watched(src linearize.Source, expect verify.Expect, every int64) ([]verify.Finding, error) {
	w := verify.NewWatch(expect, every)
	for {
		entry, err := src.Next()
		var torn *history.TornError
		if errors.Is(err, io.EOF) || errors.As(err, &torn) {
			w.End(err)
			return w.Findings(), nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the history again: %w", err)
		}
		w.Observe(entry)
	}
}
