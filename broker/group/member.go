package group

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// member of a group.
type member struct {
	id string
	// instance is what a static member is known by across its processes (KIP-345); nil for a dynamic one.
	instance *string
	client   Client
	// session is how long the member lives without a sign of life, rebalance how long a rebalance waits for it.
	session, rebalance time.Duration
	// protocols that it supports, the best liked first.
	protocols  []protocol
	assignment []byte
	// join and sync answer requests of the member that wait; nil if there is none.
	join, sync *asked
	// expires is when the session is over.
	expires time.Time
	// newcomer is set until its first rebalance has ended.
	newcomer bool
	// synced is set once the member has asked for its assignment of this generation.
	synced bool
	// kept is set while the last assignment that is committed has the member.
	kept bool
}

// protocol is an assignor, and what the member tells it. Nobody here understands that.
type protocol struct {
	name     string
	metadata []byte
}

// asked is a request that waits.
type asked struct {
	version int16
	answer  Answer
}

// protocolsOf copies what a request says, whose memory is used again.
func protocolsOf(req *kmsg.JoinGroupRequest) []protocol {
	all := make([]protocol, len(req.Protocols))
	for i, p := range req.Protocols {
		all[i] = protocol{p.Name, bytes.Clone(p.Metadata)}
	}
	return all
}

func (mem *member) supports(name string) bool {
	return slices.ContainsFunc(mem.protocols, func(p protocol) bool { return p.name == name })
}

// metadata is what the member tells an assignor; nil if it does not support that.
func (mem *member) metadata(name string) []byte {
	for _, p := range mem.protocols {
		if p.name == name {
			return p.metadata
		}
	}
	return nil
}

// same reports whether the member has these protocols, in this order.
func (mem *member) same(protocols []protocol) bool {
	return slices.EqualFunc(mem.protocols, protocols, func(a, b protocol) bool {
		return a.name == b.name && bytes.Equal(a.metadata, b.metadata)
	})
}

// take brings the member into line with a request to join.
func (mem *member) take(req *kmsg.JoinGroupRequest, protocols []protocol) {
	mem.protocols = protocols
	mem.session = millis(req.SessionTimeoutMillis)
	if mem.rebalance = millis(req.RebalanceTimeoutMillis); req.Version < 1 || mem.rebalance <= 0 {
		mem.rebalance = mem.session
	}
}

func millis(n int32) time.Duration { return time.Duration(n) * time.Millisecond }

// alive moves the end of the session.
func (mem *member) alive(now time.Time) { mem.expires = now.Add(mem.session) }

// waitJoin keeps a request until the rebalance ends. One before it, whose connection is gone most likely, is
// told to ask again.
func (mem *member) waitJoin(req *kmsg.JoinGroupRequest, answer Answer) {
	mem.answerJoin(joinRefusal(kerr.RebalanceInProgress, mem.id))
	mem.join = &asked{req.Version, answer}
}

// waitSync keeps a request until there is an assignment.
func (mem *member) waitSync(req *kmsg.SyncGroupRequest, g *group, answer Answer) {
	mem.answerSync(kerr.RebalanceInProgress, g, nil)
	mem.sync = &asked{req.Version, answer}
}

// answerJoin answers the request to join that waits, if one does.
func (mem *member) answerJoin(resp *kmsg.JoinGroupResponse) {
	if mem.join != nil {
		answer := mem.join.answer
		mem.join = nil
		answer(resp)
	}
}

// answerSync answers the request to sync that waits, if one does.
func (mem *member) answerSync(err *kerr.Error, g *group, assignment []byte) {
	if mem.sync != nil {
		answer := mem.sync.answer
		mem.sync = nil
		answer(syncResponse(err, g, assignment))
	}
}

// gone tells whoever waits in the member's name that there is no such member.
func (mem *member) gone() {
	mem.answerJoin(joinRefusal(kerr.UnknownMemberID, mem.id))
	mem.answerSync(kerr.UnknownMemberID, nil, nil)
}

// fenced tells whoever waits in the member's name that another process has taken its place.
func (mem *member) fenced() {
	mem.answerJoin(joinRefusal(kerr.FencedInstanceID, mem.id))
	mem.answerSync(kerr.FencedInstanceID, nil, nil)
}

// find gives the member that a request names. A request with an instance is that instance's only with its present
// member id (KIP-345).
func (g *group) find(id string, instance *string) (*member, *kerr.Error) {
	if instance != nil {
		switch static := g.static[*instance]; {
		case static == nil:
			return nil, kerr.UnknownMemberID
		case static.id != id:
			return nil, kerr.FencedInstanceID
		}
	}
	if mem := g.byID[id]; mem != nil {
		return mem, nil
	}
	return nil, kerr.UnknownMemberID
}

func sortedKeys[V any](of map[string]V) []string { return slices.Sorted(maps.Keys(of)) }
