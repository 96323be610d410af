package disk

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/logproof/logproof/broker/env"
)

// The methods of this file are called with disk.mu held, but for release, which takes it.

func (d *Disk) newNode(name string, size int64) *node {
	d.forget(name) // a file that vanished below without this FS being asked
	made := &node{disk: d, name: name, turn: make(chan struct{}, 1), size: size}
	if d.layered {
		made.layers = []*layer{newLayer()}
	}
	d.names[name] = made
	return made
}

func (d *Disk) handle(name string, n *node) *file {
	n.refs++
	return &file{name: name, node: n}
}

// forget drops the file that had this name, if any; its space is free once no handle is left.
func (d *Disk) forget(name string) {
	n := d.names[name]
	if n == nil {
		return
	}
	delete(d.names, name)
	n.gone = true
	if n.refs == 0 {
		n.free()
	}
}

// move renames in the table what was renamed below: a file, or a directory with all that is in it.
func (d *Disk) move(from, to string) {
	if from == to {
		return
	}
	d.forget(to)
	moved := map[string]*node{}
	for name, n := range d.names {
		if name == from || strings.HasPrefix(name, from+"/") {
			delete(d.names, name)
			moved[to+name[len(from):]] = n
		}
	}
	for name, n := range moved {
		n.name = name
		d.names[name] = n
	}
}

// release is the end of one handle. The last one closes the file below; the node stays while it has
// something to remember.
func (d *Disk) release(n *node) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n.refs--
	if n.refs > 0 {
		return nil
	}
	below := n.detach()
	switch {
	case n.gone:
		n.free()
	case !d.counted && n.plain():
		delete(d.names, n.name)
	}
	return below.Close()
}

// countOnce finds what the files take up before the space rule is applied for the first time. From then
// on everything is counted, whatever the rules are.
func (d *Disk) countOnce() error {
	if d.counted {
		return nil
	}
	err := d.countKnown()
	if err == nil {
		err = d.count(".")
	}
	if err != nil {
		d.uncount()
		return fmt.Errorf("space rule: the files already there cannot be counted: %w", err)
	}
	d.counted = true
	return nil
}

// countKnown counts the files that are open or have something that is not synced. A file that has been
// removed and is still open takes space up that nobody gets back: it is not counted.
func (d *Disk) countKnown() error {
	for name, n := range d.names {
		if n.refs == 0 && !d.layered {
			delete(d.names, name) // a Sync of it failed; it is found again below
			continue
		}
		if err := n.count(); err != nil {
			return err
		}
	}
	return nil
}

// uncount ends a count that failed.
func (d *Disk) uncount() {
	for name, n := range d.names {
		n.mu.Lock()
		n.counted = false
		n.mu.Unlock()
		if n.refs == 0 && n.plain() {
			delete(d.names, name)
		}
	}
	d.space.reset()
}

// count adds up a directory. What is listed and cannot be opened as a file is taken for a directory.
func (d *Disk) count(dir string) error {
	names, err := d.under.List(dir)
	if err != nil {
		return err
	}
	for _, base := range names {
		name := path.Join(dir, base)
		if d.names[name] != nil {
			continue
		}
		f, err := d.under.Open(name)
		if err != nil {
			if nested := d.count(name); nested != nil {
				return errors.Join(err, nested)
			}
			continue
		}
		size, err := f.Size()
		if err := closeAfter(f, err); err != nil {
			return err
		}
		d.newNode(name, size).counted = true
		d.space.charge(size)
	}
	return nil
}

// closeAfter closes f and returns err with what Close had to say.
func closeAfter(f env.File, err error) error { return errors.Join(err, f.Close()) }
