package disk

import (
	"io"

	"github.com/logproof/logproof/broker/env"
)

// span is a part of a read that the file below answers: bytes from..to of the caller's slice.
type span struct{ from, to int }

// readLayers copies what the layers have under the lock and reads the rest below without it: a page
// that is only below cannot be changed there by a Sync without having been in a layer first, so what is
// read late is at most newer.
func (n *node) readLayers(p []byte, off int64) (int, error) {
	n.mu.RLock()
	below, err := n.file()
	if err != nil || len(p) == 0 {
		n.mu.RUnlock()
		return 0, err
	}
	want := len(p)
	p = p[:max(0, min(int64(want), n.size-off))]
	missing := n.copyLayers(p, off)
	n.mu.RUnlock()
	for _, part := range missing {
		if err := readFull(below, p[part.from:part.to], off+int64(part.from)); err != nil {
			return part.from, err
		}
	}
	if len(p) < want {
		return len(p), io.EOF
	}
	return len(p), nil
}

// copyLayers fills p with what the layers know and returns the parts they do not.
func (n *node) copyLayers(p []byte, off int64) (missing []span) {
	for done := 0; done < len(p); {
		number, inside := (off+int64(done))/pageSize, (off+int64(done))%pageSize
		end := min(len(p), done+int(pageSize-inside))
		found, hidden := find(n.layers, number)
		switch {
		case found != nil:
			copy(p[done:end], found[inside:])
		case hidden:
			clear(p[done:end])
		case len(missing) > 0 && missing[len(missing)-1].to == done:
			missing[len(missing)-1].to = end
		default:
			missing = append(missing, span{done, end})
		}
		done = end
	}
	return missing
}

// readFull reads below; what lies past the end there is a hole and reads as zeros.
func readFull(below env.File, p []byte, off int64) error {
	got, err := below.ReadAt(p, off)
	if err == io.EOF {
		clear(p[got:])
		return nil
	}
	return err
}

// writeLayer writes into the open layer. It is called with n.mu held.
func (n *node) writeLayer(p []byte, off int64) (int, error) {
	for done := 0; done < len(p); {
		number, inside := (off+int64(done))/pageSize, (off+int64(done))%pageSize
		whole := inside == 0 && len(p)-done >= pageSize
		mine, err := n.own(number, whole)
		if err != nil {
			return done, err
		}
		done += copy(mine[inside:], p[done:])
	}
	return len(p), nil
}

// cutLayer sets the size to come in the open layer. It is called with n.mu held.
func (n *node) cutLayer(size int64) error {
	open := n.open()
	if size < n.size {
		if size%pageSize > 0 {
			if _, err := n.own(size/pageSize, false); err != nil {
				return err
			}
		}
		open.cut(size)
	}
	open.changed = true
	return nil
}

func (n *node) open() *layer { return n.layers[len(n.layers)-1] }

// own returns a page of the open layer, made from what the file has there unless it will be written
// as a whole.
func (n *node) own(number int64, whole bool) (*page, error) {
	open := n.open()
	if mine := open.pages[number]; mine != nil {
		return mine, nil
	}
	mine := new(page)
	if !whole && number*pageSize < n.size {
		found, hidden := find(n.layers, number)
		switch {
		case found != nil:
			*mine = *found
		case !hidden:
			if err := readFull(n.below, mine[:], number*pageSize); err != nil {
				return nil, err
			}
		}
	}
	open.pages[number] = mine
	open.changed = true
	return mine, nil
}
