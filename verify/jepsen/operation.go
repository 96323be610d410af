package jepsen

import (
	"errors"
	"fmt"
)

// operation is one line of a history of Jepsen.
type operation struct {
	line    int
	kind    Keyword // :invoke, :ok, :fail or :info
	f       Keyword
	process any // int64, or the keyword of another actor
	time    int64
	timed   bool
	value   any
	err     any
	// rebalanced is set where the client was told of a rebalance during the operation.
	rebalanced bool
}

// parseOperation takes a map, or a tagged one.
func parseOperation(v any, line int) (op operation, err error) {
	if t, ok := v.(Tagged); ok {
		v = t.Value
	}
	m, ok := v.(Map)
	if !ok {
		return op, fmt.Errorf("line %d: %s is no operation: want a map like {:type :invoke, :process 0, :f :send, :value [...]}", line, Write(v))
	}
	op.line, op.process, op.value, op.err = line, m.Get("process"), m.Get("value"), m.Get("error")
	op.kind, _ = m.Get("type").(Keyword)
	op.f, _ = m.Get("f").(Keyword)
	op.time, op.timed = m.Get("time").(int64)
	log, _ := m.Get("rebalance-log").(List)
	op.rebalanced = len(log) > 0
	switch op.kind {
	case "invoke", "ok", "fail", "info":
	default:
		return op, fmt.Errorf("line %d: :type is %s: want :invoke, :ok, :fail or :info", line, Write(m.Get("type")))
	}
	if op.f == "" {
		return op, fmt.Errorf("line %d: it has no :f", line)
	}
	return op, nil
}

// send is a micro-operation that writes.
type send struct {
	key, value int64
	offset     int64 // -1 where it is not told
}

// given is a record that a poll gave.
type given struct {
	key, offset, value int64
	void               bool // it has no value
}

// micro are the micro-operations of an operation.
type micro struct {
	sends []send
	polls int
	given []given
}

// parseMicro takes the value of a :send, :poll or :txn.
func parseMicro(op operation) (m micro, err error) {
	list, ok := op.value.(List)
	if !ok {
		return m, fmt.Errorf("line %d: the value of :%s is %s: want a vector of micro-operations", op.line, op.f, Write(op.value))
	}
	for _, v := range list {
		if err := m.add(v); err != nil {
			return m, fmt.Errorf("line %d: micro-operation %s: %w", op.line, Write(v), err)
		}
	}
	return m, nil
}

func (m *micro) add(v any) error {
	parts, ok := v.(List)
	if !ok || len(parts) == 0 {
		return errors.New("want a vector like [:send 0 1] or [:poll]")
	}
	switch parts[0] {
	case Keyword("send"):
		return m.addSend(parts)
	case Keyword("poll"):
		m.polls++
		if len(parts) < 2 || parts[1] == nil {
			return nil
		}
		polled, ok := parts[1].(Map)
		if !ok {
			return errors.New("want [:poll {key [[offset value] ...]}]")
		}
		return m.addPoll(polled)
	}
	return errors.New("want :send or :poll")
}

func (m *micro) addSend(parts List) error {
	if len(parts) != 3 {
		return errors.New("want [:send key value] or [:send key [offset value]]")
	}
	key, ok := parts[1].(int64)
	s := send{key: key, offset: -1}
	if pair, is := parts[2].(List); is && len(pair) == 2 {
		if offset, told := pair[0].(int64); told {
			s.offset = offset
		} else if pair[0] != nil {
			return errors.New("its offset is no number")
		}
		parts[2] = pair[1]
	}
	value, is := parts[2].(int64)
	if !ok || !is || key < 0 || key > 1<<31-1 || s.offset < -1 {
		return errors.New("its key, offset and value must be whole numbers, the key and the offset from 0 on")
	}
	s.value = value
	m.sends = append(m.sends, s)
	return nil
}

func (m *micro) addPoll(polled Map) error {
	for _, entry := range polled {
		key, ok := entry.Key.(int64)
		records, is := entry.Value.(List)
		if !ok || !is || key < 0 || key > 1<<31-1 {
			return errors.New("want keys from 0 on, each with a vector of [offset value]")
		}
		for _, r := range records {
			pair, ok := r.(List)
			if !ok || len(pair) != 2 {
				return fmt.Errorf("record %s: want [offset value]", Write(r))
			}
			g := given{key: key, void: pair[1] == nil}
			offset, told := pair[0].(int64)
			value, is := pair[1].(int64)
			if !told && pair[0] != nil || !is && !g.void || told && offset < 0 {
				return fmt.Errorf("record %s: want whole numbers, the offset from 0 on", Write(r))
			}
			if !told {
				offset = -1
			}
			g.offset, g.value = offset, value
			m.given = append(m.given, g)
		}
	}
	return nil
}
