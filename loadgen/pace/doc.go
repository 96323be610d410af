// Package pace says when the next record is due: arrival schedules as exact arithmetic.
//
//	rate 3/1s      At(i)   0      333333334  666666667  1s   ...   ns since the start
//	               |--------|----------|---------|------->
//	               i = 0    1          2         3
//	               Due(e) = how many of these lie in [0, e]
//
// A schedule is a function of the record's index and of nothing else: it does not wait for the
// broker, does not know the clock, and does not drift. Record i is due at i periods, computed from i
// each time with 128-bit intermediate results, never by adding up rounded periods. What a slow system
// holds up stays due at its own time, so latency measured from At(i) includes the wait that a
// closed-loop generator hides (coordinated omission).
//
// The package imports the standard library only, and of package time only the type Duration.
package pace
