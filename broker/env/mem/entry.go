package mem

// change is one change of directory entries on its way to stable storage: from is nil for a new entry,
// to is nil for a removal, both are set for a rename. A rename is atomic: it is kept or lost as a whole.
type change struct {
	node     *node
	from     *node
	fromName string
	to       *node
	toName   string
}

// keep carries the change out on stable storage. Earlier changes of the same node may have been lost,
// so a move starts from wherever stable storage has the node, and a node never has two names there.
func (c change) keep() {
	if c.to == nil {
		if c.from.kept[c.fromName] == c.node {
			c.node.leave()
		}
		return
	}
	c.node.leave()
	if replaced := c.to.kept[c.toName]; replaced != nil {
		replaced.leave()
	}
	c.to.kept[c.toName] = c.node
	c.node.home, c.node.homeName = c.to, c.toName
}

// leave takes the node's entry off stable storage.
func (n *node) leave() {
	if n.home == nil {
		return
	}
	delete(n.home.kept, n.homeName)
	n.home, n.homeName = nil, ""
}

// settle makes the pending changes of dir durable. A rename between two directories is one change of
// both, and their changes reach stable storage in order, so the other directory settles with this one.
func (m *FS) settle(dir *node) {
	together := map[*node]bool{dir: true}
	for grown := true; grown; {
		grown = false
		for _, c := range m.pending {
			if c.from == nil || c.to == nil || together[c.from] == together[c.to] {
				continue
			}
			together[c.from], together[c.to] = true, true
			grown = true
		}
	}
	waiting := m.pending[:0]
	for _, c := range m.pending {
		if together[c.from] || together[c.to] {
			c.keep()
		} else {
			waiting = append(waiting, c)
		}
	}
	clear(m.pending[len(waiting):]) // so that removed files are not kept in memory
	m.pending = waiting
}
