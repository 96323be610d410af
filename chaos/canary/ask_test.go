package canary

import "testing"

func TestTagsOfAHeaderAreSkipped(t *testing.T) {
	for body, want := range map[string]string{
		"\x00abc": "abc", "\x01\x05\x02xyabc": "abc", "\x02\x05\x00\x80\x01\x01xabc": "abc", "\x00": "",
		"": "!", "\x01": "!", "\x01\x05": "!", "\x01\x05\x02x": "!", "\x80": "!",
	} {
		rest, err := afterTags([]byte(body))
		if err != nil {
			rest = []byte("!")
		}
		if string(rest) != want {
			t.Errorf("%q leaves %q, %v; want %q", body, rest, err, want)
		}
	}
}
