// Package payload writes and reads self-describing record values.
//
//	0       4       8   9   10    12         16      24         32        40          44
//	+-------+-------+---+---+-----+----------+-------+----------+---------+-----------+---------+
//	| magic | crc32c| v | f |topic| producer |  run  | sequence | intended| partition | filler  |
//	+-------+-------+---+---+-----+----------+-------+----------+---------+-----------+---------+
//	         covers everything after itself -> to the end of the value
//
// Where the flags f say so, 14 bytes follow the partition with the place of the input record that this one was
// made from (its topic, partition and offset), and 4 with the number of the record's key; the filler begins after them.
//
// A value says which run, producer and partition it belongs to, its place in its producer's sequence,
// and when it was meant to be sent. Whoever reads it knows without any table whether it is the record
// that was written, and how late it is. All integers are big-endian.
//
// The filler is a function of run, producer, topic, partition and sequence, so that a whole value can be derived
// again from its header, and a value that was damaged and given a new checksum is still found out.
// Values do not compress.
//
// The package imports the standard library only: no clock, no randomness, no I/O.
package payload
