package client

import (
	"strings"
	"testing"
	"time"
)

func TestProducerSpecValidate(t *testing.T) {
	f := func(change func(*ProducerSpec), size int, want string) {
		t.Helper()
		s := DefaultProducerSpec()
		change(&s)
		err := s.Validate(size)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v with records of %d: %v; want %q", s, size, err, want)
		}
	}
	f(func(*ProducerSpec) {}, 100, "")
	f(func(*ProducerSpec) {}, 10, "record size 10")
	f(func(s *ProducerSpec) { s.Acks = AcksLeader }, 100, "need acks=all")
	f(func(s *ProducerSpec) { s.Acks, s.Idempotent = 7, false }, 100, "acks 7")
	f(func(s *ProducerSpec) { s.MaxInFlight = 3 }, 100, "leave it 0")
	f(func(s *ProducerSpec) { s.MaxInFlight, s.Idempotent = 3, false }, 100, "")
	f(func(s *ProducerSpec) { s.Linger = -1 }, 100, "linger")
	f(func(s *ProducerSpec) { s.DeliveryTimeout = time.Millisecond }, 100, "delivery timeout")
	f(func(s *ProducerSpec) { s.RequestTimeout = time.Millisecond }, 100, "request timeout")
	f(func(s *ProducerSpec) { s.BatchMaxBytes = 1000 }, 1000, "batch max bytes is 1000")
}

func TestEveryMistakeIsListed(t *testing.T) {
	spec := ProducerSpec{Acks: 9, Linger: -1, MaxInFlight: -1}
	if got := strings.Count(spec.Validate(1).Error(), "\n") + 1; got != 5 {
		t.Errorf("%d mistakes are listed; want 5:\n%v", got, spec.Validate(1))
	}
	options := Options{MetadataMinAge: -1, RetryBackoff: -1, DialTimeout: -1, RequestTimeout: 1}
	if got := strings.Count(options.Validate().Error(), "\n") + 1; got != 4 {
		t.Errorf("%d mistakes are listed; want 4:\n%v", got, options.Validate())
	}
	reader := ReaderSpec{MaxWait: 1, MaxBytes: -1}
	if got := strings.Count(reader.Validate().Error(), "\n") + 1; got != 2 {
		t.Errorf("%d mistakes are listed; want 2:\n%v", got, reader.Validate())
	}
	if (Shared{}).Validate() == nil {
		t.Error("clients without brokers, tap and recorder are valid")
	}
}

func TestAcksRoundTrip(t *testing.T) {
	for _, a := range []Acks{AcksAll, AcksLeader, AcksNone} {
		if back, err := ParseAcks(a.String()); err != nil || back != a {
			t.Errorf("%v came back as %v, %v", a, back, err)
		}
	}
	if _, err := ParseAcks("most"); err == nil {
		t.Error("acks=most was taken")
	}
}

func TestOptionsPrintTheirDefaults(t *testing.T) {
	if got := (Options{}).String(); !strings.Contains(got, "metadata min age 100ms, retry backoff 50ms") {
		t.Errorf("options print %q", got)
	}
}
