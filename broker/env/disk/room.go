package disk

import "github.com/logproof/logproof/broker/env"

var _ env.Volume = (*Disk)(nil)

// Room is that of the space rule, or of what is below where there is none; -1 and -1 if that does not know.
func (d *Disk) Room() (total, usable int64, err error) {
	d.powered()
	d.space.mu.Lock()
	limit, used := d.space.limit, d.space.used
	d.space.mu.Unlock()
	if limit > 0 {
		return limit, max(0, limit-used), nil
	}
	if below, ok := d.under.(env.Volume); ok {
		return below.Room()
	}
	return -1, -1, nil
}
