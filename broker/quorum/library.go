package quorum

import "fmt"

// silence is the library's log: what matters of it comes back as effects. It stops by panicking,
// which guard turns into Fatal.
type silence struct{}

// stopped is what the library panics with.
type stopped struct{ reason string }

func (silence) Debug(...any)            {}
func (silence) Debugf(string, ...any)   {}
func (silence) Info(...any)             {}
func (silence) Infof(string, ...any)    {}
func (silence) Warning(...any)          {}
func (silence) Warningf(string, ...any) {}
func (silence) Error(...any)            {}
func (silence) Errorf(string, ...any)   {}

func (silence) Fatal(v ...any)                 { panic(stopped{fmt.Sprint(v...)}) }
func (silence) Fatalf(format string, v ...any) { panic(stopped{fmt.Sprintf(format, v...)}) }
func (silence) Panic(v ...any)                 { panic(stopped{fmt.Sprint(v...)}) }
func (silence) Panicf(format string, v ...any) { panic(stopped{fmt.Sprintf(format, v...)}) }

// guard runs a call into the library. What stops the library stops the node, and the effects of the
// call do not happen: to lose messages is harmless.
func (q *Quorum) guard(call func(fx *Effects) error) (fx Effects) {
	if q.failed != nil {
		return Effects{Fatal: q.failed}
	}
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		reason, known := p.(stopped)
		switch {
		case q.store.failed != nil:
			q.failed = q.store.failed
		case known:
			q.failed = fmt.Errorf("the metadata quorum stopped: %s", reason.reason)
		default:
			panic(p)
		}
		fx = Effects{Fatal: q.failed}
	}()
	err := call(&fx)
	if err == nil {
		err = q.drain(&fx)
	}
	if err != nil {
		q.failed = err
		return Effects{Fatal: err}
	}
	return fx
}
