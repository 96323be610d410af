package controller

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// defaults are what a topic that does not say has: what all brokers were told while they run, or else what this
// one was started with.
func (m *Machine) defaults(im *metadata.Image) (minISR int, unclean bool) {
	base := metadata.Settings{MinISR: int64(m.cfg.DefaultMinISR), Unclean: m.cfg.DefaultUnclean}
	s := im.Defaults(base, metadata.AllBrokers)
	return int(s.MinISR), s.Unclean
}

// resource is what has settings: a topic by name, a broker by id, or all brokers where the name is empty.
type resource struct {
	kind kmsg.ConfigResourceType
	name string
}

// holder is a resource that is there.
type holder struct {
	// has are the settings that it says itself.
	has map[string]string
	// find gives the row of a setting by the resource's name for it.
	find func(name string) *metadata.Setting
	// check gives settings in their canonical form.
	check func(map[string]string) (map[string]string, error)
	// record is a change of them.
	record func(set map[string]string, unset []string) metadata.Record
}

// IncrementalAlterConfigs changes settings one by one (KIP-339). Each resource has its own outcome: all of its
// changes, or none and an error. With validate-only nothing is recorded.
func (m *Machine) IncrementalAlterConfigs(req *kmsg.IncrementalAlterConfigsRequest) ([]metadata.Record, *kmsg.IncrementalAlterConfigsResponse) {
	resp := req.ResponseKind().(*kmsg.IncrementalAlterConfigsResponse)
	times := map[resource]int{}
	for _, asked := range req.Resources {
		times[resource{asked.ResourceType, asked.ResourceName}]++
	}
	d := m.begin()
	for i := range req.Resources {
		asked := &req.Resources[i]
		r := resource{asked.ResourceType, asked.ResourceName}
		answer := kmsg.NewIncrementalAlterConfigsResponseResource()
		answer.ResourceType, answer.ResourceName = r.kind, r.name
		err := m.alterConfigs(d, r, times[r], func(h *holder) (map[string]string, *failure) { return operate(h, asked.Configs) })
		if err != nil {
			answer.ErrorCode, answer.ErrorMessage = err.code.Code, kmsg.StringPtr(err.message)
		}
		resp.Resources = append(resp.Resources, answer)
	}
	if req.ValidateOnly {
		return nil, resp
	}
	return d.records, resp
}

// AlterConfigs replaces all that a resource says: what the request does not name is not said any more.
func (m *Machine) AlterConfigs(req *kmsg.AlterConfigsRequest) ([]metadata.Record, *kmsg.AlterConfigsResponse) {
	resp := req.ResponseKind().(*kmsg.AlterConfigsResponse)
	times := map[resource]int{}
	for _, asked := range req.Resources {
		times[resource{asked.ResourceType, asked.ResourceName}]++
	}
	d := m.begin()
	for i := range req.Resources {
		asked := &req.Resources[i]
		r := resource{asked.ResourceType, asked.ResourceName}
		answer := kmsg.NewAlterConfigsResponseResource()
		answer.ResourceType, answer.ResourceName = r.kind, r.name
		err := m.alterConfigs(d, r, times[r], func(*holder) (map[string]string, *failure) { return replacement(asked.Configs) })
		if err != nil {
			answer.ErrorCode, answer.ErrorMessage = err.code.Code, kmsg.StringPtr(err.message)
		}
		resp.Resources = append(resp.Resources, answer)
	}
	if req.ValidateOnly {
		return nil, resp
	}
	return d.records, resp
}

// alterConfigs decides about one resource. A change that changes nothing is recorded as nothing.
func (m *Machine) alterConfigs(d *decision, r resource, times int, change func(*holder) (map[string]string, *failure)) *failure {
	if times > 1 {
		return fail(kerr.InvalidRequest, "%s %q stands %d times in the request", r.kind, r.name, times)
	}
	h, err := findHolder(d.image, r)
	if err != nil {
		return err
	}
	wanted, err := change(h)
	if err != nil {
		return err
	}
	next, wrong := h.check(wanted)
	if wrong != nil {
		return fail(kerr.InvalidConfig, "%v", wrong)
	}
	set := maps.Clone(next)
	maps.DeleteFunc(set, func(name, value string) bool { was, ok := h.has[name]; return ok && was == value })
	var unset []string
	for _, name := range slices.Sorted(maps.Keys(h.has)) {
		if _, ok := next[name]; !ok {
			unset = append(unset, name)
		}
	}
	if len(set)+len(unset) > 0 {
		before := d.image
		d.add(h.record(set, unset))
		m.follow(d, before)
	}
	return nil
}

// follow brings partitions into line with settings that have changed since an image.
//
// Where min.insync.replicas is another, every partition gets a new partition epoch, if nothing else. A leader
// that does not know of it yet could commit on a smaller ISR than the controller takes for the least, and
// whoever left that would be in the ELR without the records: so what it proposes is refused until it knows.
// And where the ISR has become large enough, the ELR ends before the leader commits without it (KIP-966).
// Where a leader that may lack records has become better than none, it is elected.
func (m *Machine) follow(d *decision, before *metadata.Image) {
	minISR, unclean := m.defaults(before)
	minISRNow, uncleanNow := m.defaults(d.image)
	same := minISR == minISRNow && unclean == uncleanNow
	var changes []metadata.Record
	for _, name := range d.image.Names() {
		topic, was := d.image.Topic(name), before.Topic(name)
		if same && topic == was {
			continue
		}
		for i := range topic.Partitions {
			p := &topic.Partitions[i]
			t := m.targetOf(d.image, topic, p)
			other := was.MinISR(p, minISR) != t.minISR
			if !other && was.Unclean(unclean) == topic.Unclean(t.unclean) {
				continue
			}
			t.settle(t.isr, nobody)
			t.elect(m.cfg.LastKnownLeader, topic.Unclean(t.unclean) || m.cfg.Bugs.Unclean)
			made := t.changes()
			if other && len(made) == 0 {
				made = []metadata.Record{{PartitionChange: &metadata.PartitionChangeRecord{TopicID: topic.ID, Index: p.Index}}}
			}
			changes = append(changes, made...)
		}
	}
	d.add(changes...)
}

// findHolder finds a resource.
func findHolder(im *metadata.Image, r resource) (*holder, *failure) {
	switch r.kind {
	case kmsg.ConfigResourceTypeTopic:
		topic := im.Topic(r.name)
		if topic == nil {
			if err := checkName(r.name); err != nil {
				return nil, err
			}
			return nil, fail(kerr.UnknownTopicOrPartition, "there is no topic %q", r.name)
		}
		return &holder{
			has: topic.Configs, find: metadata.FindSetting, check: metadata.CheckSettings,
			record: func(set map[string]string, unset []string) metadata.Record {
				return metadata.Record{TopicConfig: &metadata.TopicConfigRecord{ID: topic.ID, Set: set, Unset: unset}}
			},
		}, nil
	case kmsg.ConfigResourceTypeBroker:
		return brokerHolder(im, r.name)
	}
	return nil, fail(kerr.InvalidRequest, "resources of type %s cannot be changed: want TOPIC or BROKER", r.kind)
}

func brokerHolder(im *metadata.Image, name string) (*holder, *failure) {
	id, check := int64(metadata.AllBrokers), metadata.CheckBrokerSettings
	if name != "" {
		var err error
		if id, err = strconv.ParseInt(name, 10, 32); err != nil {
			return nil, fail(kerr.InvalidRequest, "broker %q: want the id of a broker, or an empty name for all brokers", name)
		}
		if im.Broker(int32(id)) == nil {
			return nil, fail(kerr.BrokerIDNotRegistered, "there is no broker %d", id)
		}
		check = checkOwn
	}
	return &holder{
		has: im.BrokerConfigs(int32(id)), find: metadata.FindBrokerSetting, check: check,
		record: func(set map[string]string, unset []string) metadata.Record {
			return metadata.Record{BrokerConfig: &metadata.BrokerConfigRecord{Broker: int32(id), Set: set, Unset: unset}}
		},
	}, nil
}

// checkOwn refuses what one broker cannot have for itself: the controller goes by it, whichever that is.
func checkOwn(given map[string]string) (map[string]string, error) {
	for _, name := range []string{metadata.MinISRConfig, metadata.UncleanConfig} {
		if _, ok := given[name]; ok {
			return nil, fmt.Errorf("%s is given to all brokers, with an empty name, and not to one", name)
		}
	}
	return metadata.CheckBrokerSettings(given)
}

// operate gives the settings of a resource after the operations.
func operate(h *holder, asked []kmsg.IncrementalAlterConfigsRequestResourceConfig) (map[string]string, *failure) {
	next := map[string]string{}
	maps.Copy(next, h.has)
	seen := map[string]bool{}
	for _, c := range asked {
		switch {
		case seen[c.Name]:
			return nil, fail(kerr.InvalidRequest, "%s stands more than once", c.Name)
		case c.Op != kmsg.IncrementalAlterConfigOpDelete && c.Value == nil:
			return nil, fail(kerr.InvalidRequest, "%s has no value", c.Name)
		}
		seen[c.Name] = true
		switch c.Op {
		case kmsg.IncrementalAlterConfigOpSet:
			next[c.Name] = *c.Value
		case kmsg.IncrementalAlterConfigOpDelete:
			delete(next, c.Name)
		case kmsg.IncrementalAlterConfigOpAppend, kmsg.IncrementalAlterConfigOpSubtract:
			row := h.find(c.Name)
			if row == nil || row.Type != metadata.ListSetting {
				return nil, fail(kerr.InvalidConfig, "%s is no list: it cannot be appended to or subtracted from", c.Name)
			}
			next[c.Name] = joined(row, next, c)
		default:
			return nil, fail(kerr.InvalidRequest, "%s: there is no operation %d: want 0 to set, 1 to delete, 2 to append, 3 to subtract", c.Name, int8(c.Op))
		}
	}
	return next, nil
}

// joined appends to a list or subtracts from it; what is not set begins as its default.
func joined(row *metadata.Setting, has map[string]string, c kmsg.IncrementalAlterConfigsRequestResourceConfig) string {
	value, ok := has[c.Name]
	if !ok {
		value = row.Default
	}
	items := metadata.Items(value)
	for _, item := range metadata.Items(*c.Value) {
		i := slices.Index(items, item)
		switch {
		case c.Op == kmsg.IncrementalAlterConfigOpAppend && i < 0:
			items = append(items, item)
		case c.Op == kmsg.IncrementalAlterConfigOpSubtract && i >= 0:
			items = slices.Delete(items, i, i+1)
		}
	}
	return strings.Join(items, ",")
}

// replacement gives the settings that an AlterConfigs request names.
func replacement(asked []kmsg.AlterConfigsRequestResourceConfig) (map[string]string, *failure) {
	next := map[string]string{}
	for _, c := range asked {
		if _, twice := next[c.Name]; twice {
			return nil, fail(kerr.InvalidRequest, "%s stands more than once", c.Name)
		}
		if c.Value == nil {
			return nil, fail(kerr.InvalidRequest, "%s has no value", c.Name)
		}
		next[c.Name] = *c.Value
	}
	return next, nil
}
