package excerpt

import "github.com/logproof/logproof/verify/history"

// ends keeps the first and the last few operations of many.
type ends struct{ first, last []history.Operation }

func (e *ends) add(op history.Operation) {
	if len(e.first) < touchingMax {
		e.first = append(e.first, op)
		return
	}
	if len(e.last) == touchingMax {
		e.last = append(e.last[:0], e.last[1:]...)
	}
	e.last = append(e.last, op)
}

// neighboursMax is how many operations are kept on each side of a moment.
const neighboursMax = 16

// neighbours of a moment, in the order of their returns.
type neighbours struct {
	at history.Time
	// earlier is a ring: next is its oldest place once it is full.
	earlier []history.Operation
	next    int
	later   []history.Operation
}

func (n *neighbours) add(op history.Operation) {
	switch {
	case op.Return > n.at:
		if len(n.later) < neighboursMax {
			n.later = append(n.later, op)
		}
	case len(n.earlier) < neighboursMax:
		n.earlier = append(n.earlier, op)
	default:
		n.earlier[n.next] = op
		n.next = (n.next + 1) % neighboursMax
	}
}

// before is the neighbour that returned that many places before the moment, from 0; nil if there is none.
func (n *neighbours) before(distance int) *history.Operation {
	if distance >= len(n.earlier) {
		return nil
	}
	i := n.next - 1 - distance
	for i < 0 {
		i += len(n.earlier)
	}
	return &n.earlier[i]
}

// after is the neighbour that returned that many places after the moment, from 0; nil if there is none.
func (n *neighbours) after(distance int) *history.Operation {
	if distance >= len(n.later) {
		return nil
	}
	return &n.later[distance]
}
