package quorum

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/env/file"
)

const (
	stateFile    = "quorum-state"
	snapshotFile = "snapshot"
)

// hardState is what raft must not forget. Its zero value is that of a new voter.
type hardState struct {
	term int32
	// vote is the raft id of whom the vote of the term went to; 0 is nobody.
	vote uint64
	// commit may be behind: it is written along with the rest, never for itself.
	commit uint64
}

const stateFormat = "logproof quorum-state 1: term %d vote %d commit %d"

func (h hardState) text() []byte {
	line := fmt.Sprintf(stateFormat, h.term, nodeID(h.vote), h.commit)
	return fmt.Appendf(nil, "%s crc %08x\n", line, batch.AddChecksum(0, []byte(line)))
}

// loadState reads the file; without one it is the zero state.
func loadState(files env.FS, dir string) (h hardState, err error) {
	name := dir + "/" + stateFile
	text, err := file.Read(files, name, 256)
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil
	}
	if err != nil {
		return h, err
	}
	var vote int32
	if _, err := fmt.Sscanf(string(text), stateFormat, &h.term, &vote, &h.commit); err == nil && vote >= -1 {
		h.vote = raftID(vote)
		if string(h.text()) == string(text) {
			return h, nil
		}
	}
	return h, fmt.Errorf("%s is damaged: %q: this voter does not know how it voted", name, text)
}

// point is an entry and where it ends: Offset is that of the entry after it.
type point struct {
	index  uint64
	term   int32
	offset int64
}

const (
	snapshotVersion = 1
	snapshotHeader  = 7 * 8
)

// encodeSnapshot gives the content of the snapshot file; base is the entry before the log's first.
func encodeSnapshot(s Snapshot, base point) []byte {
	b := make([]byte, 0, snapshotHeader+len(s.Image)+4)
	for _, n := range []uint64{
		snapshotVersion, s.Index, uint64(s.Term), uint64(s.Offset),
		base.index, uint64(base.term), uint64(base.offset),
	} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	b = append(b, s.Image...)
	return binary.BigEndian.AppendUint32(b, batch.AddChecksum(0, b))
}

// loadSnapshot reads the file; without one both are zero: the log begins with entry 1.
func loadSnapshot(files env.FS, dir string) (s Snapshot, base point, err error) {
	name := dir + "/" + snapshotFile
	b, err := file.Read(files, name, MaxImageBytes+snapshotHeader+4)
	if errors.Is(err, fs.ErrNotExist) {
		return s, base, nil
	}
	if err != nil {
		return s, base, err
	}
	body := b[:max(0, len(b)-4)]
	if len(body) < snapshotHeader || batch.AddChecksum(0, body) != binary.BigEndian.Uint32(b[len(body):]) {
		return s, base, fmt.Errorf("%s is damaged: its checksum is not that of its %d bytes", name, len(b))
	}
	var n [7]uint64
	for i := range n {
		n[i] = binary.BigEndian.Uint64(body[8*i:])
	}
	if n[0] != snapshotVersion {
		return s, base, fmt.Errorf("%s has version %d: want %d", name, n[0], snapshotVersion)
	}
	s = Snapshot{Index: n[1], Term: int32(n[2]), Offset: int64(n[3]), Image: body[snapshotHeader:]}
	return s, point{n[4], int32(n[5]), int64(n[6])}, nil
}

// removeTree removes a file, or a directory of files, if it is there.
func removeTree(files env.FS, name string) error {
	err := files.Remove(name)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	names, listErr := files.List(name)
	if listErr != nil {
		return err
	}
	for _, n := range names {
		if err := files.Remove(name + "/" + n); err != nil {
			return err
		}
	}
	return files.Remove(name)
}
