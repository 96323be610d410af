package fault

import (
	"fmt"

	"github.com/logproof/logproof/chaos/timeline"
)

// cut takes what flows over the links and throws it away: connections stay and say nothing.
//
//	effect: the link takes a connection and a request, and gives no answer
//	heal:   see links
func cut(timeline.Fault) linkKind {
	return linkKind{
		struck: silentLink,
		saw: func(*links) string {
			return fmt.Sprintf("a request is taken and not answered for %v, and is answered past the link", silence)
		},
	}
}
