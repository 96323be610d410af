package canary

import "github.com/twmb/franz-go/pkg/kerr"

// ErrorCode is the number of an error of Kafka's by its name; ok is false when there is none of that name.
func ErrorCode(name string) (code int16, ok bool) {
	if older, renamed := olderNames[name]; renamed {
		name = older
	}
	for code := int16(-1); code <= lastCode; code++ {
		if err := kerr.TypedErrorForCode(code); err != nil && err.Message == name {
			return code, true
		}
	}
	return 0, false
}

// ErrorName is the reverse; "" is no error, and no name is known of.
func ErrorName(code int16) string {
	if err := kerr.TypedErrorForCode(code); err != nil {
		return err.Message
	}
	return ""
}

// olderNames are those that errors had before Kafka renamed them, and that the library knows them by.
var olderNames = map[string]string{
	"NOT_LEADER_OR_FOLLOWER": "NOT_LEADER_FOR_PARTITION", // KIP-392
}

// lastCode is above every error that Kafka has.
const lastCode = 512
