package history

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// GroupPart is what a Commit, a Resume or an Own says about a consumer group, beside its times and
// its outcome.
//
// Commit: Positions are what the member asked to be kept. OK means that the coordinator acknowledged
// all of them; Fail that nothing of them can ever take effect (no request was written, or each was
// refused for a reason that comes before any write: the generation, the member or the instance were
// no longer those of the group); anything else is Unknown. Invoke is when the first request was
// written, or before, but not before the processing that it stands for: the member had processed what
// its Fetch operations that returned until Invoke say.
//
// Resume: Positions are what the group answered for partitions that the member was assigned; Unset
// where it had none. Invoke is not later than the writing of the request. Only OK ones say anything.
// A member without a position begins at the start of the log: groups under judgement reset to earliest.
//
// Own: the member held the Positions' partitions (their offsets are Unset) in this Generation from
// Invoke, when the answer with the assignment was there, to Return. One is recorded when a member
// holds partitions no longer, or when another generation confirms them: what it goes on holding is
// another Own of the new generation. A member that is assigned nothing records an Own without
// positions, so that who belonged to a generation is known. OK means that the member gave the
// partitions up as the protocol asks (it revoked them before it rejoined, or left), or holds them on
// in a new generation; Unknown that they were taken from it (it had been removed without knowing), or
// that its process ended.
//
// What members process is in their Fetch operations, whose Return is when the last of their records
// had been handed over and, where the discipline is to commit after, processed. A process is a member
// of one group for its whole life, and its Resume of a partition comes before its first Fetch of it.
type GroupPart struct {
	Group string `json:"group"`
	// Member id that the coordinator gave (KIP-394).
	Member string `json:"member"`
	// Instance is the static member's group.instance.id (KIP-345), "" for dynamic members. A member
	// that joins under the instance of another one replaces it, in the same generation.
	Instance string `json:"instance,omitempty"`
	// Generation of the group; Unset where the client was not a member.
	Generation int32 `json:"generation"`
	// Until, of an Own, is when the coordinator could have taken the partitions away at the earliest
	// without breaking a promise: when the last request that it answered without an error (sync group
	// or heartbeat) was written, plus the shorter of the session and the rebalance timeout. Nobody
	// else may be given the partitions before both that and Return.
	Until Time `json:"until,omitempty"`
	// Positions by partition, each partition at most once.
	Positions []Position `json:"positions,omitempty"`
}

// Position of a group in a partition: the offset of the next record to process, Unset where there is none.
type Position struct {
	Partition Partition `json:"partition"`
	Offset    int64     `json:"offset"`
}

// In is the part cut down to one partition; nil if it says nothing of it.
func (g *GroupPart) In(p Partition) *GroupPart {
	for _, at := range g.Positions {
		if at.Partition == p {
			part := *g
			part.Positions = []Position{at}
			return &part
		}
	}
	return nil
}

// ofGroup reports whether operations of the kind have a GroupPart.
func (k Kind) ofGroup() bool { return k == Commit || k == Resume || k == Own }

// checkGroup says what makes the group part of an operation meaningless.
func (op *Operation) checkGroup() error {
	g := op.Group
	switch {
	case op.Kind.ofGroup() != (g != nil):
		return fmt.Errorf("operations of kind commit, resume and own, and only they, carry a group part")
	case g == nil:
		return nil
	case g.Group == "":
		return fmt.Errorf("its group has no name")
	case g.Generation < int32(Unset):
		return fmt.Errorf("generation %d: want %d (unknown) or more", g.Generation, Unset)
	case g.Until < 0 || g.Until > 0 && op.Kind != Own:
		return fmt.Errorf("until %d: want a time from 0 on, of an own only", g.Until)
	}
	seen := make(map[Partition]bool, len(g.Positions))
	for _, p := range g.Positions {
		switch {
		case seen[p.Partition]:
			return fmt.Errorf("%s has two positions", p.Partition)
		case p.Offset < Unset || op.Kind == Commit && p.Offset == Unset:
			return fmt.Errorf("position %d of %s: want an offset from 0 on", p.Offset, p.Partition)
		case op.Kind == Own && p.Offset != Unset:
			return fmt.Errorf("position %d of %s: an own has no offsets", p.Offset, p.Partition)
		}
		seen[p.Partition] = true
	}
	return nil
}

// group appends the group part of an operation. Offsets are coded against the slot's guess for the
// next run: a member commits where it stands.
func (e *encoder) group(process int, op *Operation) {
	g := op.Group
	e.string(g.Group)
	e.string(g.Member)
	e.string(g.Instance)
	e.int(int64(g.Generation))
	if op.Kind == Own {
		e.int(int64(g.Until - op.Return))
	}
	e.uint(uint64(len(g.Positions)))
	for _, p := range g.Positions {
		s := e.slot(slotKey{process: process, partition: e.partition(p.Partition)})
		if op.Kind != Own {
			e.int(p.Offset - s.offset)
		}
	}
}

// group is the inverse of the encoder's.
func (d *decoder) group(process int, op *Operation) {
	g := &GroupPart{}
	op.Group = g
	g.Group, _ = d.string()
	g.Member, _ = d.string()
	g.Instance, _ = d.string()
	g.Generation = int32(d.int())
	if op.Kind == Own {
		g.Until = op.Return + Time(d.int())
	}
	n := d.count(1)
	if n == 0 {
		return
	}
	g.Positions = make([]Position, n)
	for i := range g.Positions {
		p, partition := d.partition()
		g.Positions[i] = Position{Partition: p, Offset: Unset}
		if op.Kind != Own {
			g.Positions[i].Offset = d.slot(slotKey{process: process, partition: partition}).offset + d.int()
		}
	}
}

// parseGroup parses one word of an operation of a group: first "workers:m1:3" or, of a static member,
// "workers:m1:3:instance"; then positions, "orders/0@15", "orders/0@?" or "orders/0", and "until:80"
// in milliseconds.
func parseGroup(op *Operation, s string) error {
	if op.Group == nil {
		return parseMember(op, s)
	}
	if ms, ok := strings.CutPrefix(s, "until:"); ok {
		n, err := strconv.ParseInt(ms, 10, 32)
		op.Group.Until = Time(n) * Time(time.Millisecond)
		if err != nil {
			return fmt.Errorf("%q: want until:<milliseconds>", s)
		}
		return nil
	}
	if !strings.Contains(s, "@") {
		s += "@?"
	}
	p, offset, err := parsePlace(s)
	op.Group.Positions = append(op.Group.Positions, Position{Partition: p, Offset: offset})
	return err
}

// parseMember parses "workers:m1:3" and "workers:m1:3:instance"; the generation may be "?".
func parseMember(op *Operation, s string) error {
	parts := strings.Split(s, ":")
	if len(parts) < 3 || len(parts) > 4 {
		return fmt.Errorf("group %q: want group:member:generation or group:member:generation:instance, like workers:m1:3", s)
	}
	generation := Unset
	if parts[2] != "?" {
		var err error
		if generation, err = strconv.ParseInt(parts[2], 10, 32); err != nil {
			return fmt.Errorf("group %q: its generation is not a number of 32 bits, or ?", s)
		}
	}
	op.Group = &GroupPart{Group: parts[0], Member: parts[1], Generation: int32(generation)}
	if len(parts) == 4 {
		op.Group.Instance = parts[3]
	}
	return nil
}
