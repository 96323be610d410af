package twins

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// flat lists every field of an answer by its path, as text. Arrays are sorted by what stands in them, unless they are
// ordered by nature: two brokers may list brokers and topics in another order.
func (t *Twin) flat(resp kmsg.Response, err error) map[string]string {
	fields := map[string]string{}
	if err != nil {
		fields["(no answer)"] = err.Error()
		return fields
	}
	t.walk(reflect.ValueOf(resp).Elem(), "", fields)
	return fields
}

func (t *Twin) walk(v reflect.Value, path string, fields map[string]string) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			fields[path] = "null"
			return
		}
		t.walk(v.Elem(), path, fields)
	case reflect.Struct:
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if name == "Version" || name == "UnknownTags" {
				continue
			}
			t.walk(v.Field(i), strings.TrimPrefix(path+"."+name, "."), fields)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			fields[path] = fmt.Sprintf("%d bytes", v.Len())
			return
		}
		if v.IsNil() {
			fields[path] = "null"
			return
		}
		fields[path] = fmt.Sprintf("%d of them", v.Len())
		for i, element := range t.ordered(v) {
			t.walk(element, fmt.Sprintf("%s[%d]", path, i), fields)
		}
	case reflect.Array:
		fields[path] = t.named([16]byte(v.Interface().([16]byte)))
	default:
		fields[path] = fmt.Sprint(v.Interface())
	}
}

// ordered gives the elements of an array by their text.
func (t *Twin) ordered(v reflect.Value) []reflect.Value {
	elements := make([]reflect.Value, v.Len())
	texts := map[int]string{}
	for i := range elements {
		elements[i] = v.Index(i)
		inner := map[string]string{}
		t.walk(elements[i], "", inner)
		texts[i] = sortKey(inner)
	}
	order := make([]int, len(elements))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(texts[a], texts[b]) })
	sorted := make([]reflect.Value, len(elements))
	for i, from := range order {
		sorted[i] = elements[from]
	}
	return sorted
}

// sortKey is what names an element: its topic, partition, key or group, and no more, so that a difference in another
// field does not change the place.
func sortKey(fields map[string]string) string {
	var key strings.Builder
	for _, name := range []string{"", "Topic", "TopicID", "Name", "ResourceName", "Group", "TransactionalID", "Partition", "ApiKey", "NodeID", "MemberID"} {
		if value, ok := fields[name]; ok {
			fmt.Fprintf(&key, "%s=%08s ", name, value)
		}
	}
	return key.String()
}

// named is a topic's id as the topic's name: each broker draws its own.
func (t *Twin) named(id [16]byte) string {
	if id == ([16]byte{}) {
		return "no id"
	}
	for name, known := range t.topics {
		if known == id {
			return "the id of " + name
		}
	}
	return "an id"
}

// difference is one field that two brokers answered differently.
type difference struct {
	key, version   int16
	question, path string
	ours, theirs   string
}

func (d difference) String() string {
	return fmt.Sprintf("%s v%d, %s: %s is %q here and %q from kfake", kmsg.NameForKey(d.key), d.version, d.question, d.path, d.ours, d.theirs)
}

// compare lists the fields that differ, by path.
func compare(ours, theirs map[string]string) (paths []string) {
	for path, value := range ours {
		if other, ok := theirs[path]; !ok || other != value {
			paths = append(paths, path)
		}
	}
	for path := range theirs {
		if _, ok := ours[path]; !ok {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}
