package command

import (
	"encoding/base64"
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"
)

// printer appends a record as it is printed.
type printer func([]byte, *kgo.Record) []byte

// shownRecord is a record as JSON. Key and value are null where the record has none, and stand under the names
// with base64 where they are no UTF-8.
type shownRecord struct {
	Topic       string        `json:"topic"`
	Partition   int32         `json:"partition"`
	Offset      int64         `json:"offset"`
	Timestamp   time.Time     `json:"timestamp"`
	Key         *string       `json:"key"`
	KeyBase64   string        `json:"key_base64,omitempty"`
	Value       *string       `json:"value"`
	ValueBase64 string        `json:"value_base64,omitempty"`
	Headers     []shownHeader `json:"headers,omitempty"`
}

type shownHeader struct {
	Name        string  `json:"name"`
	Value       *string `json:"value"`
	ValueBase64 string  `json:"value_base64,omitempty"`
}

func printJSON(b []byte, r *kgo.Record) []byte {
	shown := shownRecord{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp.UTC()}
	shown.Key, shown.KeyBase64 = text(r.Key)
	shown.Value, shown.ValueBase64 = text(r.Value)
	for _, h := range r.Headers {
		header := shownHeader{Name: h.Key}
		header.Value, header.ValueBase64 = text(h.Value)
		shown.Headers = append(shown.Headers, header)
	}
	line, err := json.Marshal(shown)
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return append(append(b, line...), '\n')
}

// text gives bytes as they are if they are UTF-8, else as base64; nil is neither.
func text(b []byte) (plain *string, encoded string) {
	switch {
	case b == nil:
		return nil, ""
	case utf8.Valid(b):
		s := string(b)
		return &s, ""
	}
	return nil, base64.StdEncoding.EncodeToString(b)
}
