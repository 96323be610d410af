package txn

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Expire takes back the transactional ids without an open transaction that nobody has used for as long as they are
// kept. Their producers are INVALID_PRODUCER_ID_MAPPING from then on, and must begin anew (KIP-98).
func (m *Machine) Expire(now time.Time) {
	oldest := m.cfg.Wall(now).Add(-m.cfg.Expiration).UnixMilli()
	for _, t := range m.sorted() {
		if idle := t.state == Empty || t.state == CompleteCommit || t.state == CompleteAbort; !idle || !t.stored || t.changing || t.updated > oldest {
			continue
		}
		record := Record{Key: keyOf(t.id), Timestamp: m.cfg.Wall(now).UnixMilli()}
		m.keep(now, t, record, func(_ time.Time, err *kerr.Error) {
			if err == nil {
				delete(m.ids, t.id)
			}
		}, nil)
	}
}
