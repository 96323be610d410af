package metadata

import (
	"fmt"
	"strings"
)

// topicNameMax is how many characters a topic's name may have: with a partition's number it is a directory's.
const topicNameMax = 249

// NameProblem says why a text cannot be a topic's name, "" if it can. Kafka's rule: 1 to 249 ASCII letters, digits,
// '.', '_', '-', and not "." or "..", since names become directories.
func NameProblem(name string) string {
	switch {
	case name == "" || name == "." || name == "..":
		return fmt.Sprintf("topic name %q is not allowed", name)
	case len(name) > topicNameMax:
		return fmt.Sprintf("topic name has %d characters, at most %d are allowed", len(name), topicNameMax)
	}
	for _, c := range name {
		ok := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("._-", c)
		if !ok {
			return fmt.Sprintf("topic name %q: %q is not one of letters, digits, '.', '_', '-'", name, c)
		}
	}
	if name == "__cluster_metadata" {
		return fmt.Sprintf("topic name %q is the cluster's own", name)
	}
	return ""
}
