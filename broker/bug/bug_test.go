package bug

import "testing"

// A bug that is a client's is one that is known, and the broker's are not taken for clients'.
func TestClient(t *testing.T) {
	for n := range clients {
		if Describe(n) == "" {
			t.Errorf("%s is a bug of clients that nobody knows", n)
		}
	}
	for n, want := range map[Name]bool{CommitAhead: true, AckEarly: false, TwoOwners: false, "no-such-bug": false} {
		if Client(n) != want {
			t.Errorf("Client(%s) is %v, want %v", n, !want, want)
		}
	}
}
