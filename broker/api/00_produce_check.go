package api

import (
	"errors"
	"fmt"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Pool keeps what is expensive to make, for the sessions of a node to share: a *sync.Pool of *batch.Codecs.
type Pool interface {
	Get() any
	Put(any)
}

// codecs lends the session codecs for one use.
func (s *Session) codecs(use func(*batch.Codecs)) {
	if s.cfg.Codecs == nil {
		if s.own == nil {
			s.own = new(batch.Codecs)
		}
		use(s.own)
		return
	}
	c := s.cfg.Codecs.Get().(*batch.Codecs)
	use(c)
	s.cfg.Codecs.Put(c)
}

// settings of a topic that are in force here. They are read from its strings once for each image.
func (s *Session) settings(topic *metadata.Topic) metadata.Settings {
	known, ok := s.inForce[topic]
	if !ok {
		known = topic.Settings(s.defaults)
		if s.inForce == nil {
			s.inForce = map[*metadata.Topic]metadata.Settings{}
		}
		s.inForce[topic] = known
	}
	return known
}

// checked is a batch that a shard may append, if its times are right.
type checked struct {
	batch batch.View
	sum   batch.Summary
}

// check finds what is wrong with one partition of the request before a shard is asked.
func (h *produce) check(s *Session, req *kmsg.ProduceRequest, topic *metadata.Topic, version int16, p *kmsg.ProduceRequestTopicPartition) (checked, *failure) {
	switch {
	case req.Acks != -1 && req.Acks != 0 && req.Acks != 1:
		return checked{}, failed(kerr.InvalidRequiredAcks, "acks must be -1, 0 or 1")
	case topic == nil && version >= 13:
		return checked{}, failed(kerr.UnknownTopicID, "")
	case topic != nil && metadata.Internal(topic.Name):
		return checked{}, failed(kerr.InvalidTopicException, "the topic is the cluster's own")
	case s.misplaced(topic, p.Partition) != nil:
		return checked{}, failed(s.misplaced(topic, p.Partition), "")
	}
	settings := s.settings(topic)
	if f := fits(len(p.Records), &settings); f != nil {
		return checked{}, f
	}
	v, rest, err := batch.Next(p.Records)
	if err == nil && len(rest) > 0 {
		return checked{}, failed(kerr.InvalidRecord, "want exactly one record batch for each partition")
	}
	if err == nil && version < 7 && v.Codec() == batch.Zstd {
		return checked{}, failed(kerr.UnsupportedCompressionType, "zstd is for produce requests of version 7 and above")
	}
	if err != nil {
		return checked{}, batchFailure(err)
	}
	var out checked
	var f *failure
	s.codecs(func(c *batch.Codecs) { out, f = admit(v, c, &settings) })
	return out, f
}

// fits says whether a batch is small enough for its topic.
func fits(size int, settings *metadata.Settings) *failure {
	switch {
	case int64(size) > settings.MaxMessageBytes:
		return failed(kerr.MessageTooLarge, fmt.Sprintf("the record batch of %d bytes is larger than max.message.bytes, which is %d", size, settings.MaxMessageBytes))
	case int64(size) > settings.SegmentBytes:
		return failed(kerr.RecordListTooLarge, fmt.Sprintf("the record batch of %d bytes is larger than segment.bytes, which is %d", size, settings.SegmentBytes))
	}
	return nil
}

// admit looks into a batch, and gives it the codec of its topic.
func admit(v batch.View, c *batch.Codecs, settings *metadata.Settings) (out checked, f *failure) {
	sum, err := v.ValidateClient(c)
	switch {
	case err != nil:
		return out, batchFailure(err)
	case settings.Cleanup.Compact && sum.Keyless >= 0:
		f = failed(kerr.InvalidRecord, "One or more records have been rejected")
		err = c.Each(v, func(h batch.Head) bool {
			if !h.Keyed {
				f.records = append(f.records, RecordError{h.Index, "a compacted topic cannot take a record without a key"})
			}
			return len(f.records) < RecordErrorsMax
		})
		if err != nil {
			return out, batchFailure(err)
		}
		return out, f
	}
	codec, own := batch.ParseCodec(settings.Compression)
	if !own || codec == v.Codec() { // the producer's
		return checked{v, sum}, nil
	}
	level := map[batch.Codec]int64{batch.Gzip: settings.GzipLevel, batch.LZ4: settings.Lz4Level, batch.Zstd: settings.ZstdLevel}[codec]
	again, err := c.Recompress(v, codec, int(level))
	if err != nil {
		return out, batchFailure(err)
	}
	return checked{again, sum}, fits(len(again), settings)
}

// failure is an error of one partition, and of some of its records.
type failure struct {
	code    *kerr.Error
	message string
	records []RecordError
}

func failed(code *kerr.Error, message string) *failure { return &failure{code: code, message: message} }

// batchFailure maps what is wrong with a batch to Kafka's code.
func batchFailure(err error) *failure {
	code := kerr.CorruptMessage
	switch {
	case errors.Is(err, batch.ErrUnsupportedCodec):
		code = kerr.UnsupportedCompressionType
	case errors.Is(err, batch.ErrTooLarge):
		code = kerr.MessageTooLarge
	case errors.Is(err, batch.ErrInvalidRecord), errors.Is(err, batch.ErrUnsupportedMagic), errors.Is(err, batch.ErrShort):
		code = kerr.InvalidRecord
	}
	return failed(code, err.Error())
}

// RecordError is what is wrong with one record of a batch (KIP-467).
type RecordError struct {
	// Index of the record in its batch.
	Index   int32
	Message string
}

// RecordErrorsMax of one batch are told.
const RecordErrorsMax = 100

func errorRecords(all []RecordError) (out []kmsg.ProduceResponseTopicPartitionErrorRecord) {
	for _, r := range all {
		e := kmsg.NewProduceResponseTopicPartitionErrorRecord()
		e.RelativeOffset, e.ErrorMessage = r.Index, kmsg.StringPtr(r.Message)
		out = append(out, e)
	}
	return out
}
