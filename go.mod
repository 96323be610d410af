module github.com/logproof/logproof

go 1.26.0

require (
	github.com/HdrHistogram/hdrhistogram-go v1.4.0 // latency distributions, and their files that other tools read
	github.com/anishathalye/porcupine v1.3.0 // the second oracle of linearizability, and its picture
	github.com/goccy/go-yaml v1.19.2 // scenario files, with positions in errors
	github.com/prometheus/client_golang v1.25.0 // /metrics of the broker
	github.com/spf13/cobra v1.10.2 // the command line
	github.com/twmb/franz-go v1.22.2 // the client under the load, and Kafka's error codes
	github.com/twmb/franz-go/pkg/kadm v1.19.0 // topics of a run, and the commands that administer a cluster
	github.com/twmb/franz-go/pkg/kmsg v1.15.0 // the wire types of the protocol
	go.etcd.io/raft/v3 v3.7.0 // the consensus of the metadata quorum
	golang.org/x/sys v0.49.0 // fdatasync and the lock of a data directory
)

require (
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/klauspost/compress v1.20.3 // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/pierrec/lz4/v4 v4.1.33 // indirect
	github.com/prometheus/client_model v0.6.3 // indirect
	github.com/prometheus/common v0.72.0 // indirect
	github.com/prometheus/procfs v0.22.0 // indirect
	github.com/spf13/pflag v1.0.9 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)
