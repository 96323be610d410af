package node

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/env/file"
	"github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/log"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/partition"
	"github.com/twmb/franz-go/pkg/kerr"
)

// assign brings a replica into line with the metadata, and opens its log first, which recovers it. A log
// that cannot be opened stops the node: to serve the rest as if nothing had happened would hide the loss. One that
// is damaged waits until the controller has said whether others have its records.
func (s *shard) assign(now time.Time, m assign, fx *actor.Effects) {
	r := s.replicas[m.replica]
	if r == nil {
		var err error
		if r, err = s.open(m, fx); err != nil {
			if s.refused(m, err, fx) {
				return
			}
			fx.Fatal = fmt.Errorf("open %s: %w", replicaDir(m.topic, m.replica.Partition), err)
			return
		}
		s.replicas[m.replica] = r
		delete(s.away, m.replica)
		s.armScrub(s.cfg.Timing.Scrub, fx)
		s.armRetain(fx)
		s.armClean(fx)
	}
	if err := s.configure(r, m.settings, fx); err != nil {
		fx.Fatal = fmt.Errorf("%s: %w", replicaDir(r.topic, r.id.Partition), err)
		return
	}
	if err := s.enter(now, r, m, fx); err != nil {
		fx.Fatal = fmt.Errorf("%s: %w", replicaDir(r.topic, r.id.Partition), err)
		return
	}
	fx.Send(api.Metadata, assigned{})
}

func (s *shard) open(m assign, fx *actor.Effects) (*replica, error) {
	dir := replicaDir(m.topic, m.replica.Partition)
	if err := claim(s.fs, dir, m.replica.Topic); err != nil {
		return nil, err
	}
	l, recovery, err := log.Open(s.fs, dir, s.logConfig(m.settings))
	if err != nil {
		return nil, err
	}
	fx.Emit(event.LogRecovered{
		Topic: m.topic, Partition: m.replica.Partition, Clean: recovery.Clean, EndOffset: recovery.EndOffset,
		Segments: recovery.Segments, Batches: recovery.Batches, TruncatedBytes: recovery.TruncatedBytes, Reason: recovery.Reason,
	})
	// All that recovery kept is on stable storage. How much of it is committed, the others know.
	end := l.EndOffset()
	return &replica{id: m.replica, topic: m.topic, log: l, settings: m.settings, position: partition.Log{End: end, Synced: end, HighWatermark: l.StartOffset()}}, nil
}

// unassign deletes a replica. Whoever waits for it is told that it is gone, or leads elsewhere.
func (s *shard) unassign(m unassign, fx *actor.Effects) {
	r := s.replicas[m.replica]
	var err error
	code := kerr.UnknownTopicOrPartition
	if delete(s.away, m.replica); m.moved {
		s.away[m.replica], code = true, kerr.NotLeaderForPartition
	}
	if r != nil {
		delete(s.replicas, m.replica)
		r.deleted = true
		if r.leader != nil {
			for _, ack := range r.leader.Drain() {
				fx.Send(ack.Ticket.To, refusal(ack.Ticket, code, ""))
			}
		}
		r.dropDeletions(code, fx)
		s.detach(r)
		s.wakeAll(r, fx)
		err = r.log.Delete()
	} else {
		err = s.sweep(m)
	}
	if err != nil {
		fx.Fatal = fmt.Errorf("delete %s: %w", replicaDir(m.topic, m.replica.Partition), err)
		return
	}
	fx.Send(api.Metadata, assigned{})
}

// missing is the error of a replica that is not here.
func (s *shard) missing(id api.Replica) *kerr.Error {
	if s.away[id] {
		return kerr.NotLeaderForPartition
	}
	return kerr.UnknownTopicOrPartition
}

// sweep deletes the files that a killed process left of a replica that was given up.
func (s *shard) sweep(m unassign) error {
	dir := replicaDir(m.topic, m.replica.Partition)
	owner, err := readOwner(s.fs, dir)
	if err != nil || owner != m.replica.Topic {
		return ignoreMissing(err)
	}
	return removeAll(s.fs, dir)
}

// replicaDir names the directory of a replica as Kafka does.
func replicaDir(topic string, index int32) string { return fmt.Sprintf("%s-%d", topic, index) }

// ownerFile holds the id of the topic whose replica a directory is, in Kafka's format: a topic that
// is created again under its old name must not find the old records.
const ownerFile = "partition.metadata"

// claim makes the directory of a replica the topic's own; what another topic left there goes.
func claim(files env.FS, dir string, id metadata.TopicID) error {
	owner, err := readOwner(files, dir)
	switch {
	case err == nil && owner == id:
		return nil
	case err == nil:
		if err := removeAll(files, dir); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := files.MkdirAll(dir); err != nil {
		return err
	}
	return writeOwner(files, dir, id)
}

func readOwner(files env.FS, dir string) (id metadata.TopicID, err error) {
	text, err := file.Read(files, dir+"/"+ownerFile, smallFile)
	if err != nil {
		return id, err
	}
	_, encoded, _ := strings.Cut(string(text), "topic_id: ")
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil || len(raw) != len(id) {
		return id, fmt.Errorf("%s/%s is damaged: %q holds no topic id; remove the directory to give up its records", dir, ownerFile, text)
	}
	return metadata.TopicID(raw), nil
}

func writeOwner(files env.FS, dir string, id metadata.TopicID) error {
	text := "version: 0\ntopic_id: " + base64.RawURLEncoding.EncodeToString(id[:]) + "\n"
	if err := file.Replace(files, dir+"/"+ownerFile, []byte(text)); err != nil {
		return err
	}
	return files.SyncDir(".")
}

// leftOver lists the replicas whose directories are there. What cannot be read is no replica, or is found
// damaged when it is opened.
func leftOver(files env.FS) (found []unassign) {
	dirs, err := files.List(".")
	if err != nil {
		return nil
	}
	for _, dir := range dirs {
		i := strings.LastIndexByte(dir, '-')
		index, err := strconv.ParseInt(dir[i+1:], 10, 32)
		if i < 0 || err != nil {
			continue
		}
		if id, err := readOwner(files, dir); err == nil {
			found = append(found, unassign{api.Replica{Topic: id, Partition: int32(index)}, dir[:i], true})
		}
	}
	return found
}

// removeAll deletes a directory of files. The owner's file goes last: until then the rest can be
// found and deleted again.
func removeAll(files env.FS, dir string) error {
	names, err := files.List(dir)
	if err != nil {
		return ignoreMissing(err)
	}
	for _, name := range names {
		if name == ownerFile {
			continue
		}
		if err := files.Remove(dir + "/" + name); err != nil {
			return err
		}
	}
	if err := ignoreMissing(files.Remove(dir + "/" + ownerFile)); err != nil {
		return err
	}
	if err := files.Remove(dir); err != nil {
		return err
	}
	return files.SyncDir(".")
}

// smallFile is the most that a file of a few lines can have, host names of any length in it.
const smallFile = 4 << 10

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
