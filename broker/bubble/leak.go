package bubble

import (
	"regexp"
	"runtime"
	"strings"
	"testing/synctest"
	"time"
)

// endWithin is how long, in virtual time, a goroutine may take to end that has been told to.
const endWithin = 10 * time.Minute

// inBubble finds the bubble's number in the first line of a goroutine's stack.
var inBubble = regexp.MustCompile(`^goroutine \d+ .*(synctest bubble \d+)\]:`)

// roots mark the goroutines that the bubble itself consists of.
var roots = regexp.MustCompile(`\[synctest\.Run |created by testing/synctest\.Test in`)

// leaked describes the goroutines of the caller's bubble, without the caller's own and the bubble's root; "" for
// none. The runtime would end the whole test program because of them, with less to say about it.
func leaked() string {
	synctest.Wait()
	stacks := strings.Split(allStacks(), "\n\n")
	self := inBubble.FindStringSubmatch(stacks[0]) // the caller's is the first
	if self == nil {
		return "the caller is in no bubble"
	}
	var found []string
	for _, stack := range stacks[1:] {
		if m := inBubble.FindStringSubmatch(stack); m != nil && m[1] == self[1] && !roots.MatchString(stack) {
			found = append(found, stack)
		}
	}
	return strings.Join(found, "\n\n")
}

func allStacks() string {
	for size := 1 << 20; ; size *= 2 {
		buf := make([]byte, size)
		if n := runtime.Stack(buf, true); n < size {
			return string(buf[:n])
		}
	}
}
