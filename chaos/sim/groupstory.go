package sim

import (
	"github.com/logproof/logproof/verify/history"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func (t *story) joined(*consumer, *kmsg.JoinGroupResponse) {}
func (t *story) rebalancing(*consumer)                     {}
func (t *story) leaving(*consumer)                         {}
func (t *story) settled(*consumer, []int)                  {}
func (t *story) resumed(*consumer, []history.Position)     {}
