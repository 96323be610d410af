package history

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"time"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// The file: a header, blocks, an end mark. All fixed-width numbers are little-endian.
//
//	header  magic "logproof" | version u16 | length u32 of meta | meta as JSON | CRC-32C of all before
//	block   length u32 of the payload | entries u32 | CRC-32C of both and the payload | payload
//	end     length 0 | number of blocks u32 (modulo 2^32) | CRC-32C of both
//
// The end mark is written by Close: without it nobody could tell a recorder that was killed between
// two blocks from one that had nothing more to say.
const (
	magic = "logproof"
	// Version 2 added watermarks to operations; a file of version 1 is one of version 2 without any.
	// Version 3 added the kinds of groups; a file of version 2 is one of version 3 without any.
	// Version 4 added transactions, sources and keys; a file of version 3 is one of version 4 without any.
	formatVersion = 4
	oldestVersion = 1

	blockTarget = 64 << 10 // payload size at which a block is written
	blockMax    = 16 << 20 // payload size that no reader goes beyond
	metaMax     = 1 << 20
	blockHead   = 12
	headerHead  = len(magic) + 2 + 4
)

// Meta says which run a history belongs to.
type Meta struct {
	// Version of the program that recorded it, for people.
	Version string `json:"version"`
	// Run is the random id of the run, which every payload carries too.
	Run uint64 `json:"run,string"`
	// Scenario by name, and the Seed of its plan.
	Scenario string `json:"scenario"`
	Seed     int64  `json:"seed"`
	// Started is the wall time of Time 0, for people: nothing is computed from it.
	Started time.Time `json:"started"`
}

// appendHeader appends the file's header.
func appendHeader(b []byte, meta Meta) ([]byte, error) {
	data, err := json.Marshal(meta)
	if err != nil {
		return nil, fmt.Errorf("write history header: %w", err)
	}
	if len(data) > metaMax {
		return nil, fmt.Errorf("write history header: its meta has %d bytes, the limit is %d", len(data), metaMax)
	}
	start := len(b)
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint16(b, formatVersion)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	b = append(b, data...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli)), nil
}

// sealBlock fills in the head of a block whose payload stands after blockHead bytes of room.
func sealBlock(block []byte, entries uint32) {
	binary.LittleEndian.PutUint32(block[0:], uint32(len(block)-blockHead))
	binary.LittleEndian.PutUint32(block[4:], entries)
	binary.LittleEndian.PutUint32(block[8:], blockSum(block))
}

// blockSum is the checksum over a block's head (without the sum) and its payload.
func blockSum(block []byte) uint32 {
	return crc32.Update(crc32.Checksum(block[:8], castagnoli), castagnoli, block[blockHead:])
}
