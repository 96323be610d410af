package broker

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/env/mem"
	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ask sends one request over a connection of its own.
func ask(t *testing.T, address string, req kmsg.Request) (kmsg.Response, error) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := conn.Write(wire.AppendRequest(nil, "test", 1, req)); err != nil {
		t.Fatal(err)
	}
	frame, err := wire.ReadResponse(conn)
	if err != nil {
		return nil, err
	}
	return wire.ParseResponse(frame, 1, req)
}

// A controller that is no broker, and a broker that has no vote, are a cluster. Each listener serves
// those that it is for.
func TestControllerAndBroker(t *testing.T) {
	peers, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	voters := []Voter{{100, peers.Addr().String()}}
	c := start(t, Config{FS: mem.New(), NodeID: 100, Roles: Roles{Controller: true}, Voters: voters, PeerListener: peers, QuorumTick: 10 * time.Millisecond})
	defer c.Close()
	b := start(t, Config{FS: mem.New(), NodeID: 1, Roles: Roles{Broker: true}, Voters: voters, PeerListen: "127.0.0.1:0", Metrics: "127.0.0.1:0"})
	defer b.Close()
	if c.Address() != "" || c.PeerAddress() != voters[0].Address || b.PeerAddress() == "" {
		t.Errorf("the controller serves clients on %q, peers on %q; the broker serves peers on %q", c.Address(), c.PeerAddress(), b.PeerAddress())
	}
	client := newClient(t, b, kgo.AllowAutoTopicCreation(), kgo.DefaultProduceTopic("orders"))
	if err := client.ProduceSync(testContext(t), kgo.StringRecord("hello")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	versions := kmsg.NewPtrApiVersionsRequest()
	versions.SetVersion(3)
	versions.ClientSoftwareName, versions.ClientSoftwareVersion = "test", "1"
	for _, address := range []string{c.PeerAddress(), b.PeerAddress()} {
		resp, err := ask(t, address, versions)
		if err != nil {
			t.Fatal(err)
		}
		keys := resp.(*kmsg.ApiVersionsResponse).ApiKeys
		if !slices.ContainsFunc(keys, func(k kmsg.ApiVersionsResponseApiKey) bool { return k.ApiKey == wire.MetadataTailKey }) {
			t.Errorf("the peer listener on %s does not say that it serves MetadataTail: %v", address, keys)
		}
		if _, err := ask(t, address, kmsg.NewPtrMetadataRequest()); err == nil {
			t.Errorf("the peer listener on %s answers clients", address)
		}
	}
	if _, err := ask(t, b.Address(), &wire.MetadataTailRequest{}); err == nil {
		t.Error("the client listener answers peers")
	}
	for _, want := range []string{
		`logproof_broker_connections_opened_total{listener="peer"} 2`,
		`logproof_broker_peer_requests_total{api="BrokerRegistration",outcome="ok"}`,
		`logproof_broker_peer_request_duration_seconds_count{api="BrokerHeartbeat"}`,
	} {
		if text := scrape(t, b); !strings.Contains(text, want) {
			t.Errorf("/metrics has no %s", want)
		}
	}
}

// A broker behind a proxy listens at one place and tells of another: clients and peers are told the latter.
func TestAdvertisedIsWhatIsTold(t *testing.T) {
	peers, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := start(t, Config{
		FS: mem.New(), NodeID: 1, Voters: []Voter{{1, peers.Addr().String()}}, PeerListener: peers,
		Advertise: "127.0.0.1:1", PeerAdvertise: "127.0.0.1:2", QuorumTick: 10 * time.Millisecond,
	})
	defer b.Close()
	if b.Address() == "127.0.0.1:1" {
		t.Error("it listens where it was told to send others")
	}
	resp, err := ask(t, b.Address(), &kmsg.MetadataRequest{Version: 12})
	if err != nil {
		t.Fatal(err)
	}
	if told := resp.(*kmsg.MetadataResponse).Brokers; len(told) != 1 || told[0].Host != "127.0.0.1" || told[0].Port != 1 {
		t.Errorf("clients are told of %+v", told)
	}
	if n, err := b.node(Config{Advertise: "127.0.0.1:1", PeerAdvertise: "127.0.0.1:2"}.withDefaults()); err != nil || n.Endpoints.PeerPort != 2 {
		t.Errorf("peers are told of port %d, %v", n.Endpoints.PeerPort, err)
	}
}

// awaitLeader waits until a broker says that one of the wanted leads orders-0.
func awaitLeader(t *testing.T, b *Broker, wanted ...int32) int32 {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if id := leader(t, b); slices.Contains(wanted, id) {
			return id
		}
	}
	t.Fatalf("orders-0 is not led by any of %v, but by %d", wanted, leader(t, b))
	return -1
}

// leader of orders-0, as a broker says; -1 if it does not know.
func leader(t *testing.T, b *Broker) int32 {
	t.Helper()
	req := kmsg.NewPtrMetadataRequest()
	req.SetVersion(12)
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = kmsg.StringPtr("orders")
	req.Topics = append(req.Topics, topic)
	resp, err := ask(t, b.Address(), req)
	if err != nil {
		t.Fatal(err)
	}
	topics := resp.(*kmsg.MetadataResponse).Topics
	if len(topics) != 1 || len(topics[0].Partitions) != 1 {
		return -1
	}
	return topics[0].Partitions[0].Leader
}

// A broker that is closed hands over what it leads before it closes its connections: nobody waits for
// its session to end, which would be long after the end of this test.
func TestCloseHandsOver(t *testing.T) {
	peers, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	voters := []Voter{{100, peers.Addr().String()}}
	c := start(t, Config{
		FS: mem.New(), NodeID: 100, Roles: Roles{Controller: true}, Voters: voters, PeerListener: peers,
		QuorumTick: 10 * time.Millisecond, SessionTimeout: time.Hour, DefaultReplication: 2, MinISR: 1,
	})
	defer c.Close()
	brokers := map[int32]*Broker{}
	for id := range int32(2) {
		brokers[id] = start(t, Config{
			FS: mem.New(), NodeID: id, Roles: Roles{Broker: true}, Voters: voters, PeerListen: "127.0.0.1:0",
			ShutdownTimeout: 20 * time.Second,
		})
	}
	client := newClient(t, brokers[0], kgo.AllowAutoTopicCreation(), kgo.DefaultProduceTopic("orders"))
	if err := client.ProduceSync(testContext(t), kgo.StringRecord("before")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	old := awaitLeader(t, brokers[0], 0, 1)
	if err := brokers[old].Close(); err != nil {
		t.Fatal(err)
	}
	other := brokers[1-old]
	defer other.Close()
	awaitLeader(t, other, 1-old)
	client = newClient(t, other, kgo.DefaultProduceTopic("orders"))
	if err := client.ProduceSync(testContext(t), kgo.StringRecord("after")).FirstErr(); err != nil {
		t.Fatal(err)
	}
}
