package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/controller"
	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/env/file"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/partition"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// lifecycle is a broker's life as the controller sees it (KIP-631):
//
//	register ──> fenced ── has applied its registration ──> unfenced ── Retire ──> released
//
// It is kept alive by heartbeats, one at a time.
type lifecycle struct {
	files env.FS
	// before is the epoch of the process before this one, if that has lost nothing; -1 if not.
	before int64
	// epoch of this process, -1 before it is registered.
	epoch int64
	// announced is set once the file says that this incarnation registers.
	announced bool
	// asking is set while a registration or a heartbeat is under way; again asks for another after it.
	asking, again bool
	// beatAt is when the heartbeat under way was sent.
	beatAt time.Time
	// leased is until when nobody else can lead what this broker does; transacts is set once the cluster has transactions.
	leased    time.Time
	transacts bool
	// armed is set while a beatTick is on its way.
	armed bool
	// retiring is who waits for the release; released is set after it.
	retiring func()
	released bool
}

type (
	// beatTick is when the next heartbeat is due.
	beatTick struct{}
	// beatAgain tries again what failed.
	beatAgain struct{}
)

// Retire asks the broker to hand over what it leads, before it stops (controlled shutdown). Done is called
// within a step when the controller has released it; the owner bounds how long it waits for that.
type Retire struct{ Done func() }

// cleanFile holds the broker epoch of a process that lost nothing when it ended: whoever finds it may
// keep the broker's place among the eligible leaders (KIP-966). Apache Kafka writes it at a clean
// shutdown. With flush: commit nothing that counts is ever lost but with the disk, and the file with it:
// so it is written when the broker registers, and outlives a crash. A crash between the controller's record
// and that would make the broker a stranger to its own epoch: so the file says first which incarnation
// asks, and the next process, if it is found in the same place, is that one. It may be: nobody has done
// anything under the epoch.
const cleanFile = "clean-shutdown"

type cleanShutdown struct {
	Version     int   `json:"version"`
	BrokerEpoch int64 `json:"brokerEpoch"`
	// Registering is the incarnation that has asked for an epoch and does not have it yet, At where it is.
	Registering []byte `json:"registering,omitempty"`
	At          string `json:"at,omitempty"`
}

// place is where the broker is found.
func (c Config) place() string { return fmt.Sprintf("%+v in rack %q", c.Endpoints, c.Rack) }

// open reads what the process before left; it may have left who this one is.
func (l *lifecycle) open(files env.FS, cfg *Config) error {
	l.files, l.before, l.epoch = files, -1, -1
	text, err := file.Read(files, cleanFile, smallFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	var found cleanShutdown
	if json.Unmarshal(text, &found) == nil { // a damaged file says nothing
		l.before = found.BrokerEpoch
		if len(found.Registering) == len(cfg.Incarnation) && found.At == cfg.place() {
			cfg.Incarnation, l.announced = metadata.Incarnation(found.Registering), true
		}
	}
	if cfg.Flush == partition.FlushCommit {
		return nil
	}
	// It is no longer true once something is written.
	if err := files.Remove(cleanFile); err != nil {
		return err
	}
	return files.SyncDir(".")
}

// keep writes the clean-shutdown file.
func (l *lifecycle) keep() error { return l.write(cleanShutdown{BrokerEpoch: l.epoch}) }

// announce writes it for a process that is about to register.
func (l *lifecycle) announce(cfg Config) error {
	if cfg.Flush != partition.FlushCommit || l.announced {
		return nil
	}
	l.announced = true
	return l.write(cleanShutdown{BrokerEpoch: l.before, Registering: cfg.Incarnation[:], At: cfg.place()})
}

func (l *lifecycle) write(c cleanShutdown) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return file.Replace(l.files, cleanFile, append(text, '\n'))
}

// close writes it at a clean end; the logs must be closed.
func (l *lifecycle) close() error {
	if l.epoch < 0 {
		return nil
	}
	return l.keep()
}

// beat registers, or sends a heartbeat, now or as soon as the one under way is answered.
func (u *uplink) beat(now time.Time, fx *actor.Effects) {
	if !u.lifecycle.armed {
		u.lifecycle.armed = true
		fx.After(u.cfg.Timing.Heartbeat, beatTick{})
	}
	switch {
	case u.released:
	case u.asking:
		u.again = true
	case u.epoch < 0:
		u.asking = true
		if err := u.announce(u.cfg); err != nil {
			fx.Fatal = fmt.Errorf("write %s: %w", cleanFile, err)
			return
		}
		u.ask(u.registration(), fx, u.registered)
	default:
		u.asking = true
		u.beatAt = now
		u.ask(u.heartbeat(), fx, u.heard)
	}
}

func (u *uplink) ticked(now time.Time, fx *actor.Effects) {
	u.lifecycle.armed = false
	u.beat(now, fx)
	u.settle(now, fx)
}

// rest ends a question about the broker's life; after a failure it is asked again soon.
func (u *uplink) rest(now time.Time, failed bool, fx *actor.Effects) {
	u.asking = false
	switch {
	case failed:
		u.again = false
		fx.After(u.cfg.Timing.BackOff, beatAgain{})
	case u.again:
		u.again = false
		u.beat(now, fx)
	}
}

func (u *uplink) registration() *kmsg.BrokerRegistrationRequest {
	req := kmsg.NewPtrBrokerRegistrationRequest()
	req.BrokerID, req.ClusterID, req.IncarnationID = u.cfg.Sessions.NodeID, u.cfg.ClusterID, u.cfg.Incarnation
	req.PreviousBrokerEpoch = u.before
	if u.cfg.Rack != "" {
		req.Rack = &u.cfg.Rack
	}
	listen := func(name, host string, port int32) {
		l := kmsg.NewBrokerRegistrationRequestListener()
		l.Name, l.Host, l.Port = name, host, uint16(port)
		req.Listeners = append(req.Listeners, l)
	}
	e := u.cfg.Endpoints
	listen(controller.ClientListener, e.Host, e.Port)
	if e.PeerHost != "" {
		listen(controller.PeerListener, e.PeerHost, e.PeerPort)
	}
	return req
}

func (u *uplink) registered(now time.Time, resp kmsg.Response, fx *actor.Effects) {
	failed := true
	if r, ok := resp.(*kmsg.BrokerRegistrationResponse); ok {
		switch r.ErrorCode {
		case 0:
			failed, u.again = false, true
			u.epoch, u.before = r.BrokerEpoch, r.BrokerEpoch
			if u.cfg.Flush == partition.FlushCommit {
				if err := u.keep(); err != nil {
					fx.Fatal = fmt.Errorf("write %s: %w", cleanFile, err)
					return
				}
			}
		case kerr.InconsistentClusterID.Code, kerr.InvalidRequest.Code:
			fx.Fatal = fmt.Errorf("the controller refuses broker %d of cluster %q: %w; check --cluster-id and --voters",
				u.cfg.Sessions.NodeID, u.cfg.ClusterID, kerr.ErrorForCode(r.ErrorCode))
			return
		}
	}
	u.rest(now, failed, fx)
}

// caughtUp says that this node has applied its own registration.
func (u *uplink) caughtUp() bool {
	self := u.image.Broker(u.cfg.Sessions.NodeID)
	return self != nil && u.epoch >= 0 && self.Epoch == u.epoch
}

func (u *uplink) heartbeat() *kmsg.BrokerHeartbeatRequest {
	req := kmsg.NewPtrBrokerHeartbeatRequest()
	req.BrokerID, req.BrokerEpoch, req.CurrentMetadataOffset = u.cfg.Sessions.NodeID, u.epoch, u.image.Offset
	req.WantFence, req.WantShutdown = !u.caughtUp(), u.retiring != nil
	return req
}

func (u *uplink) heard(now time.Time, resp kmsg.Response, fx *actor.Effects) {
	r, ok := resp.(*kmsg.BrokerHeartbeatResponse)
	failed := !ok || r.ErrorCode != 0
	if ok {
		switch r.ErrorCode {
		case kerr.StaleBrokerEpoch.Code:
			if self := u.image.Broker(u.cfg.Sessions.NodeID); self != nil && self.Incarnation != u.cfg.Incarnation && self.Epoch > u.epoch {
				fx.Fatal = fmt.Errorf("another process has registered as broker %d: every node needs an id of its own", u.cfg.Sessions.NodeID)
				return
			}
			u.epoch = -1
		case kerr.BrokerIDNotRegistered.Code:
			u.epoch = -1
		case 0:
			if !r.IsFenced { // the session has begun anew since it was sent
				u.leased = u.beatAt.Add(u.cfg.session())
				fx.Send(api.Coordinator, api.Lease{Until: u.leased})
				u.leaseTransactions(true, fx)
			}
			if r.ShouldShutdown && u.retiring != nil {
				u.release()
			}
			failed = u.retiring != nil && !u.released // ask again soon whether the others have taken over
		}
	}
	u.rest(now, failed, fx)
}

// leaseTransactions tells the coordinator of transactions how long it has, once there are any: when that is news, or when
// they have come.
func (u *uplink) leaseTransactions(news bool, fx *actor.Effects) {
	before := u.transacts
	u.transacts = before || u.image.Topic(metadata.TransactionState) != nil
	if u.transacts && (news || !before) {
		fx.Send(api.Transactions, api.Lease{Until: u.leased})
	}
}

func (u *uplink) retire(now time.Time, m Retire, fx *actor.Effects) {
	u.retiring = m.Done
	if u.epoch < 0 || !u.succeeded() {
		u.release() // nobody relies on it, or could take over
		return
	}
	u.beat(now, fx)
}

// succeeded says that another broker is there to take over what this one leads. Where all stop at once,
// the last of them would wait for a decision that nobody is left to take.
func (u *uplink) succeeded() bool {
	for _, b := range u.image.Brokers {
		if b.ID != u.cfg.Sessions.NodeID && b.Active() {
			return true
		}
	}
	return false
}

func (u *uplink) release() {
	if !u.released {
		u.released = true
		u.retiring()
	}
}

// applied sends a heartbeat at once where somebody waits for what it says: this broker to be unfenced,
// another one to be released.
func (u *uplink) applied(now time.Time, fx *actor.Effects) {
	if u.retiring != nil && !u.succeeded() {
		u.release()
		return
	}
	self := u.image.Broker(u.cfg.Sessions.NodeID)
	waits := u.caughtUp() && self.Fenced
	for _, b := range u.image.Brokers {
		waits = waits || b.ShuttingDown && b.ID != u.cfg.Sessions.NodeID
	}
	if waits {
		u.beat(now, fx)
	}
}
