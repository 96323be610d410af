package command

import (
	"bufio"
	"context"
	"io"
	"strings"
	"time"
)

// linesAhead are read before they are asked for.
const linesAhead = 64

// eachLine gives the lines of an input to a function, without their ends, not faster than rate lines a second
// (0: as fast as they come), until the input or ctx ends. A read of a terminal cannot be given up: the
// goroutine that waits in it ends with the input, at the latest with the process.
func eachLine(ctx context.Context, input io.Reader, rate float64, do func(string)) error {
	lines, failed := make(chan string, linesAhead), make(chan error, 1)
	go func() {
		defer close(lines)
		in := bufio.NewReader(input)
		for {
			line, err := in.ReadString('\n')
			if line != "" {
				select {
				case lines <- strings.TrimSuffix(line, "\n"):
				case <-ctx.Done():
					return
				}
			}
			if err != nil {
				if err != io.EOF {
					failed <- err
				}
				return
			}
		}
	}()
	began := time.Now()
	for n := 0; ; n++ {
		select {
		case line, ok := <-lines:
			if !ok {
				select {
				case err := <-failed:
					return err
				default:
					return nil
				}
			}
			if rate > 0 && !await(ctx, began.Add(time.Duration(float64(n)/rate*float64(time.Second)))) {
				return nil
			}
			do(line)
		case <-ctx.Done():
			return nil
		}
	}
}

// await waits until a time; it reports false if ctx ends before.
func await(ctx context.Context, due time.Time) bool {
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
