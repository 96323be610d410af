package history

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// parseRare cuts what most records do not have off the end of an item: "~word", "^900:3", "<orders/0@12" and
// "!4", in any order. It returns what stands before, and the word.
func parseRare(run *Run, s string) (what, content string, err error) {
	const marks = "~^<!"
	i := strings.IndexAny(s, marks)
	if i < 0 {
		return s, "", nil
	}
	what, s = s[:i], s[i:]
	for s != "" && err == nil {
		mark, rest := s[0], s[1:]
		end := strings.IndexAny(rest, marks)
		if end < 0 {
			end = len(rest)
		}
		word := rest[:end]
		s = rest[end:]
		switch mark {
		case '~':
			content = word
		case '^':
			run.Origin, err = parseOrigin(word)
		case '<':
			run.Source = &Input{}
			run.Source.Partition, run.Source.FirstOffset, err = parsePlace(word)
		default:
			var n uint64
			n, err = strconv.ParseUint(word, 10, 32)
			run.Key = uint32(n)
			if err != nil || n == 0 {
				err = fmt.Errorf("key %q: want the number of a key plus 1, like !4", word)
			}
		}
	}
	return what, content, err
}

// parseOrigin parses "900:3".
func parseOrigin(s string) (*Origin, error) {
	id, epoch, _ := strings.Cut(s, ":")
	n, err1 := strconv.ParseInt(id, 10, 48)
	e, err2 := strconv.ParseInt(epoch, 10, 16)
	if err1 != nil || err2 != nil {
		return nil, fmt.Errorf("producer %q: want id:epoch, like ^900:3", s)
	}
	return &Origin{n, int16(e)}, nil
}

// parseTransaction parses one word of a Transact that is no run: "txn:tx-0:7" (of a Produce, too), then
// "commit@10", "abort@10", "commit@never" or "none", "group:workers:m1:3" or "group:workers", "sent:9", and
// positions like "orders/0@15".
func parseTransaction(op *Operation, s string) error {
	if name, ok := strings.CutPrefix(s, "txn:"); ok {
		id, number, _ := strings.Cut(name, ":")
		n, err := strconv.ParseInt(number, 10, 48)
		if err != nil {
			return fmt.Errorf("transaction %q: want txn:id:number, like txn:tx-0:7", s)
		}
		op.Transaction = &TransactionPart{ID: id, Number: n}
		if op.Kind == Transact {
			op.Transaction.Ending = Never
		}
		return nil
	}
	t := op.Transaction
	if t == nil {
		return fmt.Errorf("%q: want the name of the transaction before, like txn:tx-0:7", s)
	}
	if group, ok := strings.CutPrefix(s, "group:"); ok {
		if !strings.Contains(group, ":") {
			t.Group = group
			return nil
		}
		member := Operation{}
		if err := parseMember(&member, group); err != nil {
			return err
		}
		t.Group, t.Member, t.Generation = member.Group.Group, member.Group.Member, member.Group.Generation
		return nil
	}
	if ms, ok := strings.CutPrefix(s, "sent:"); ok {
		n, err := strconv.ParseInt(ms, 10, 32)
		t.Sent = Time(n) * Time(time.Millisecond)
		if err != nil {
			return fmt.Errorf("%q: want sent:<milliseconds>", s)
		}
		return nil
	}
	if word, ending, _ := strings.Cut(s, "@"); !strings.Contains(word, "/") {
		return parseEnd(t, word, ending)
	}
	p, offset, err := parsePlace(s)
	t.Positions = append(t.Positions, Position{Partition: p, Offset: offset})
	return err
}

// parseEnd parses "commit" and "10", "abort" and "never", or "none" and "".
func parseEnd(t *TransactionPart, word, ending string) error {
	if err := t.Decision.UnmarshalText([]byte(word)); err != nil {
		return err
	}
	if t.Decision == Undecided || ending == "never" {
		return nil
	}
	n, err := strconv.ParseInt(ending, 10, 32)
	if err != nil {
		return fmt.Errorf("end %q of a transaction: want milliseconds like commit@10, or commit@never", word+"@"+ending)
	}
	t.Ending = Time(n) * Time(time.Millisecond)
	return nil
}
