package ci

// Modules of others, by the names that the table uses. A name stands for the path and all below it.
var outside = map[string]string{
	"kgo":          "github.com/twmb/franz-go/pkg/kgo",
	"kmsg":         "github.com/twmb/franz-go/pkg/kmsg",
	"kadm":         "github.com/twmb/franz-go/pkg/kadm",
	"kerr":         "github.com/twmb/franz-go/pkg/kerr",
	"porcupine":    "github.com/anishathalye/porcupine",
	"hdrhistogram": "github.com/HdrHistogram/hdrhistogram-go",
	"metrics":      "github.com/prometheus/client_golang",
	"prometheus":   "github.com/prometheus/prometheus",
	"grafana":      "github.com/grafana/grafana-foundation-sdk/go",
	"raft":         "go.etcd.io/raft/v3",
	"compress":     "github.com/klauspost/compress",
	"lz4":          "github.com/pierrec/lz4/v4",
	"x/sys":        "golang.org/x/sys",
	"yaml":         "github.com/goccy/go-yaml",
	"docker":       "github.com/testcontainers/testcontainers-go",
	"docker api":   "github.com/moby/moby", // below it: testcontainers kills, pauses and disconnects nothing
	"docker error": "github.com/containerd/errdefs",
	"cobra":        "github.com/spf13/cobra",
}

// row says what the packages that match its room may import besides the standard library and
// dashboards/catalog. Patterns: "a/b" is that package, "a/b/..." is it and all below it, a name of
// outside is that module, "*" is everything.
type row struct {
	room string
	may  []string
	// not forbids packages of the standard library.
	not []string
	// leaf forbids even dashboards/catalog.
	leaf bool
	// why is printed with a violation.
	why string
}

// world is what a package without a world of its own may not touch. Clocks, goroutines and channels
// are no imports: the purity test looks for those.
var world = []string{"os/...", "net/...", "sync/...", "math/rand/...", "crypto/rand", "syscall"}

// pureBroker is the vocabulary of the broker's machines: they see one another only downward.
var pureBroker = []string{"broker/actor", "broker/batch", "broker/bug", "broker/deadline", "broker/env", "broker/event", "broker/metadata", "kmsg", "kerr"}

// table is section "who may import whom" of the design. The first row that matches a package is
// the one that holds. Imports are never upward: what is not listed is forbidden.
var table = []row{
	{room: ".", may: []string{"scenarios/command"}, why: "main is a call of scenarios/command and nothing else"},

	{room: "verify/history", leaf: true, why: "the history is the contract between the boxes and knows none of them"},
	{room: "dashboards/catalog", leaf: true, why: "every box imports the catalog"},
	{room: "chaos/timeline", leaf: true, why: "a plan is made and printed without a cluster"},
	{room: "broker/bug", leaf: true, why: "a vocabulary"},
	{room: "broker/event", leaf: true, why: "a vocabulary"},
	{room: "broker/actor", may: []string{"broker/event", "kmsg", "kerr"}, why: "a vocabulary: it must not know who speaks it"},

	{room: "verify/...", may: []string{"verify/...", "porcupine"},
		why: "the judge shares no code with the accused, and reads only what was recorded"},

	{room: "loadgen/pace", not: world, why: "a schedule is a function of time, not a user of clocks"},
	{room: "loadgen/payload", not: world, why: "a payload can be derived again by any reader"},
	{room: "loadgen/...", may: []string{"loadgen/...", "verify/history", "kgo", "kmsg", "kadm", "kerr", "hdrhistogram", "x/sys"},
		why: "load is written into the history and knows neither broker, faults nor rules"},

	{room: "broker/env", may: nil, not: world, why: "the seam is interfaces only"},
	{room: "broker/env/real", may: []string{"broker/env", "x/sys"}, why: "below the seam there is only the machine"},
	{room: "broker/env/...", may: []string{"broker/env/..."}, why: "below the seam there is only the machine"},
	{room: "broker/batch", may: []string{"broker/bug", "kmsg", "kerr", "compress", "lz4"}, not: world, why: "a machine is pure"},
	{room: "broker/log/clean", may: []string{"broker/batch", "broker/bug"}, not: world, why: "a machine is pure"},
	{room: "broker/metadata", may: []string{"broker/actor", "broker/batch", "broker/bug", "broker/env", "kmsg", "kerr"},
		not: world, why: "a machine is pure"},
	{room: "broker/wire/shape", may: nil, not: world, why: "bytes are walked over by whoever reads what strangers wrote"},
	{room: "broker/wire", may: []string{"broker/wire/shape", "kmsg", "kerr"}, not: []string{"os/...", "net/..."},
		why: "the simulator hands the same requests to the same router: connections belong to broker/server"},
	{room: "broker/partition", may: pureBroker, not: world, why: "a machine is pure"},
	{room: "broker/controller", may: append([]string{"broker/wire"}, pureBroker...), not: world, why: "a machine is pure"},
	{room: "broker/deadline", not: world, why: "a queue is pure"},
	{room: "broker/group", may: pureBroker, not: world, why: "a machine is pure"},
	{room: "broker/txn", may: append([]string{"broker/partition"}, pureBroker...), not: world, why: "a machine is pure"},
	{room: "broker/api", may: stepped, not: world, why: "what is stepped by the simulator sees no world"},
	{room: "broker/coordinator", may: append([]string{"broker/api"}, stepped...), not: world,
		why: "what is stepped by the simulator sees no world"},
	{room: "broker/node", may: append([]string{"broker/api", "raft"}, stepped...), not: world,
		why: "what is stepped by the simulator sees no world"},
	{room: "broker/...", may: []string{"broker/...", "kmsg", "kerr", "raft", "metrics", "compress", "lz4", "x/sys"},
		why: "the broker is a broker: people import it into their own tests"},

	{room: "chaos/sim/...", may: []string{"chaos/sim/...", "chaos/timeline", "broker/...", "kmsg", "loadgen/pace", "loadgen/payload", "verify/history"},
		why: "the simulator steps brokers under pure load; it judges nothing"},
	{room: "chaos/cluster", may: []string{"chaos/timeline", "verify/history"}, why: "interfaces over any cluster"},
	{room: "chaos/cluster/container", may: append([]string{"docker", "docker api", "docker error"}, placement...), why: "a placement knows how to start a system, not what is judged"},
	{room: "chaos/cluster/...", may: placement, why: "a placement knows how to start a system, not what is judged"},
	{room: "chaos/proxy", may: append([]string{"broker/wire/shape"}, placement...), why: "the link proxy knows addresses, not what is judged"},
	{room: "chaos/canary", may: []string{"kmsg", "kerr"}, why: "a canary knows Kafka's requests and nothing of faults"},
	{room: "chaos/...", may: []string{"chaos", "chaos/canary", "chaos/fault", "chaos/ledger", "chaos/procfs", "chaos/timeline", "chaos/cluster", "verify/history"},
		why: "faults act on any cluster through its capabilities, and write the history"},

	{room: "scenarios", may: nil, why: "the embedded files, and nothing that runs them"},
	{room: "scenarios/tally", may: []string{"verify"}, why: "how runs ended, whatever was run"},
	{room: "scenarios/spec", may: planned, not: world, why: "a scenario is data until it runs"},
	{room: "scenarios/plan", may: planned, not: world, why: "a scenario is data until it runs"},
	{room: "scenarios/report/chart", may: nil, not: world, why: "a chart is a function of numbers"},
	{room: "scenarios/report/picture", may: []string{"scenarios/report/chart", "verify/course", "verify/figure"}, not: world, why: "a picture is a function of its data"},
	{room: "scenarios/report", may: append([]string{"scenarios/report/chart", "scenarios/report/picture"}, conductor...), why: "reports are written from results, without a command line"},
	{room: "scenarios/run", may: append([]string{"scenarios", "scenarios/report", "scenarios/report/picture"}, conductor...), why: "a run can be conducted without a command line"},
	{room: "scenarios/command", may: []string{"*"}, why: "the only package that knows every box"},

	{room: "dashboards/...", may: []string{"dashboards/...", "grafana", "prometheus", "metrics", "kgo", "kadm", "kmsg"},
		why: "dashboards show metrics of any cluster and run no box"},
	{room: "ci", may: nil, why: "the guard runs nothing"},
}

var (
	// stepped is what the stepped part of the broker may see: machines, logs, the seam.
	stepped = append([]string{"broker/partition", "broker/controller", "broker/deadline", "broker/group", "broker/txn", "broker/log", "broker/log/clean",
		"broker/coordinator", "broker/env/file", "broker/quorum", "broker/replication", "broker/auth", "broker/wire"}, pureBroker...)
	// placement is what code that starts or connects real systems may see.
	placement = []string{"chaos/...", "broker", "broker/control", "verify/history", "kgo", "kadm", "kmsg", "kerr", "x/sys"}
	// planned is what turns YAML into a plan.
	planned = []string{"scenarios/spec", "chaos/timeline", "loadgen/pace", "verify/history", "yaml"}
	// conductor is every box, for those who run and report them.
	conductor = []string{"broker/...", "loadgen/...", "chaos/...", "verify/...", "dashboards/...",
		"scenarios/spec", "scenarios/plan", "hdrhistogram", "metrics"}
)
