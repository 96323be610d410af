package fault

import "github.com/logproof/logproof/chaos/timeline"

// refuse ends connections, and new ones before a byte flows.
//
//	effect: a new connection is refused or reset at once
//	heal:   see links
func refuse(timeline.Fault) linkKind {
	return linkKind{
		struck: brokenLink,
		saw: func(*links) string {
			return "a new connection is ended at once, and a request is answered past the link"
		},
	}
}

// reset ends connections when something flows over them.
//
//	effect: a connection is reset that carries a request
//	heal:   see links
func reset(timeline.Fault) linkKind {
	return linkKind{
		struck: brokenLink,
		saw:    func(*links) string { return "the connection of a request is reset, and it is answered past the link" },
	}
}
