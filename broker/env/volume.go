package env

// Volume is what an FS may implement that knows how much room there is where its files are. It is no part of FS: files
// in memory have no such bounds.
type Volume interface {
	// Room gives the size of the volume, and how much of it is left for this process, in bytes.
	Room() (total, usable int64, err error)
}
