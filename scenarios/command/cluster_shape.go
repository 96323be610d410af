package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// shapeFile in a cluster's directory says of how many nodes it is.
const shapeFile = "cluster.json"

// shape of a cluster. It never changes: the voters of another one would not know what these ones decided,
// and the topics would be gone though their records are there.
type shape struct {
	Brokers     int `json:"brokers"`
	Controllers int `json:"controllers"`
}

// flags that start a cluster of that shape.
func (s shape) flags() string { return fmt.Sprintf("-n %d --controllers %d", s.Brokers, s.Controllers) }

// shifted is an address with another port.
func shifted(address string, by int) string {
	host, text, err := net.SplitHostPort(address)
	port, bad := strconv.Atoi(text)
	if err != nil || bad != nil {
		return address // the broker says what is wrong with it
	}
	return net.JoinHostPort(host, strconv.Itoa(port+by))
}

// keepShape notes the shape of a new cluster in its directory, or refuses that of another one.
func keepShape(dir string, want shape) error {
	path := filepath.Join(dir, shapeFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if text, err = json.Marshal(want); err == nil {
			err = os.WriteFile(path, append(text, '\n'), 0o644)
		}
		return onlyEnvironment(err)
	}
	var has shape
	if err == nil {
		err = json.Unmarshal(text, &has)
	}
	if err != nil {
		return environment(fmt.Errorf("read of how many nodes the cluster in %s is: %w", dir, err))
	}
	if has != want {
		return usage("the cluster in %s is one of %s, not of %s: other controllers would not know its topics; go on with it as it is, or choose another directory",
			dir, has.flags(), want.flags())
	}
	return nil
}
