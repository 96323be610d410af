package doctor

import (
	"errors"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/logproof/logproof/chaos/timeline"
)

func TestThisMachine(t *testing.T) {
	m := This()
	m.Engine = func() (string, error) { return "one", nil }
	r := Examine(m)
	for _, f := range r.Findings {
		if !f.OK || f.Detail == "" {
			t.Errorf("%+v: the tests of this repository need it", f)
		}
	}
	if !r.Healthy() || len(r.Abilities) != len(timeline.Kinds())*len(timeline.Placements()) {
		t.Errorf("healthy %v, %d abilities", r.Healthy(), len(r.Abilities))
	}
	for _, a := range r.Abilities {
		if a.OK == (a.Why != "") {
			t.Errorf("%+v", a)
		}
	}
}

// Each thing that a machine may lack takes away just the kinds that need it, and says what to do.
func TestWhatIsMissing(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	for name, test := range map[string]struct {
		harm func(*Machine)
		says string
		lost []timeline.Kind
		kept []timeline.Kind
	}{
		processTable: {func(m *Machine) { m.Proc = t.TempDir() }, "use Linux with /proc mounted",
			[]timeline.Kind{timeline.Kill, timeline.Cut, timeline.DiskFull}, []timeline.Kind{timeline.Clock, timeline.TransferLeader}},
		signals: {func(m *Machine) { m.Program = "no-such-program" }, "signals to their process groups",
			[]timeline.Kind{timeline.Kill, timeline.Pause, timeline.Restart}, []timeline.Kind{timeline.Cut, timeline.Clock}},
		ports: {func(m *Machine) { m.LowestPort, m.HighestPort = port, port }, "end what uses them",
			[]timeline.Kind{timeline.Kill, timeline.Cut, timeline.Clock, timeline.TransferLeader}, nil},
		descriptors: {func(m *Machine) { m.FewestDescriptors = 1 << 62 }, "ulimit -n",
			[]timeline.Kind{timeline.Cut, timeline.ConnectionStorm}, []timeline.Kind{timeline.Kill, timeline.DiskFull}},
		engine: {func(m *Machine) { m.Engine = func() (string, error) { return "", errors.New("start one") } }, "start one",
			nil, []timeline.Kind{timeline.Kill, timeline.Cut, timeline.DiskFull}},
		sockets: {func(m *Machine) { m.Temp = filepath.Join(t.TempDir(), "missing") }, "TMPDIR",
			[]timeline.Kind{timeline.Cut, timeline.DiskFull, timeline.Clock}, []timeline.Kind{timeline.Kill, timeline.Pause}},
	} {
		t.Run(name, func(t *testing.T) {
			m := This()
			test.harm(&m)
			r := Examine(m)
			i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Name == name })
			if r.Healthy() != (name == engine) || r.Findings[i].OK || !strings.Contains(r.Findings[i].Detail, test.says) {
				t.Errorf("%+v; want it to say %q", r.Findings[i], test.says)
			}
			for _, a := range r.Abilities {
				switch {
				case a.Placement == timeline.Sim && strings.Contains(a.Why, name):
					t.Errorf("the simulator lacks %s: %+v", name, a)
				case a.Placement == timeline.Container && name == engine && (a.OK || a.Why != "no "+engine):
					t.Errorf("without an engine: %+v", a)
				case a.Placement == timeline.Process && slices.Contains(test.lost, a.Kind) && (a.OK || !strings.Contains(a.Why, name)):
					t.Errorf("without %s: %+v", name, a)
				case a.Placement == timeline.Process && slices.Contains(test.kept, a.Kind) && !a.OK:
					t.Errorf("without %s: %+v", name, a)
				}
			}
		})
	}
}

func TestEveryCapabilityHasItsNeeds(t *testing.T) {
	for _, info := range timeline.Kinds() {
		if len(needs[info.Capability]) == 0 {
			t.Errorf("%s needs %s of a cluster, and nothing of the machine", info.Kind, info.Capability)
		}
	}
}
