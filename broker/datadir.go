package broker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// lock is the claim of one process on a data directory. The kernel gives it up with the process.
type lock struct{ file *os.File }

// lockDir makes the directory if it is missing and claims it.
func lockDir(dir string) (*lock, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("data directory %s is in use by another broker; stop it or choose another directory", dir)
		}
		return nil, fmt.Errorf("lock data directory %s: %w", dir, err)
	}
	return &lock{f}, nil
}

func (l *lock) release() error { return l.file.Close() }

// identify reads whose directory it is, in Kafka's meta.properties, and makes it this node's if it
// is new. A directory of another node or of another cluster is refused: its logs say other things.
func identify(dir, clusterID string, nodeID int32) error {
	path := filepath.Join(dir, "meta.properties")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return format(path, clusterID, nodeID)
	}
	if err != nil {
		return fmt.Errorf("read the identity of the data directory: %w", err)
	}
	properties := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			properties[key] = value
		}
	}
	cluster := properties["cluster.id"]
	switch owner, err := strconv.ParseInt(properties["node.id"], 10, 32); {
	case err != nil || cluster == "":
		return fmt.Errorf("%s is damaged: want cluster.id and node.id", path)
	case int32(owner) != nodeID:
		return fmt.Errorf("data directory %s belongs to node %d, not to node %d; give the right --node-id or another --data", dir, owner, nodeID)
	case cluster != clusterID:
		return fmt.Errorf("data directory %s belongs to cluster %q, not to cluster %q; give --cluster-id %s or another --data", dir, cluster, clusterID, cluster)
	}
	return nil
}

// format writes meta.properties whole or not at all.
func format(path, clusterID string, nodeID int32) error {
	text := fmt.Sprintf("version=1\ncluster.id=%s\nnode.id=%d\n", clusterID, nodeID)
	f, err := os.CreateTemp(filepath.Dir(path), ".meta.properties-*")
	if err != nil {
		return fmt.Errorf("format the data directory: %w", err)
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("format the data directory: %w", err)
	}
	return nil
}
