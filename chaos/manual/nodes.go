package manual

import "github.com/logproof/logproof/chaos/timeline"

// nodePages are those of what a node stands on, of clients, and of the cluster.
var nodePages = map[timeline.Kind]Page{
	timeline.Disconnect: {
		Does:    "The container of the node is taken off its network: all that it sends and all that is sent to it is lost, its published ports are closed, and its process runs on.",
		Effect:  "The process lives and answers on its control socket: it does not reach a peer, the peer does not reach it, and its published port answers nobody.",
		Healed:  "The same process answers at the same port, it and the peer reach each other, and its replicas are in the ISR.",
		See:     "As a cut of all its links; but clients are refused, as by a dead host's router, and a leader that is alone must not acknowledge anything.",
		Example: `{fault: disconnect, target: "leader(orders,0)", after: 1s, hold: 2s}`,
	},
	timeline.PowerLoss: {
		Does:    "The node's process ends at once, and of what it had not synced each page of 4 KiB is kept, lost or torn, as drawn. The nodes must be started with the disk rule lose-unsynced.",
		Effect:  "The process is gone, and it noted nothing of an end.",
		Healed:  "Another process answers, and its replicas are in the ISR.",
		See:     "With flush commit nothing that was acknowledged is lost, whoever loses power; with flush none it may be, if all replicas do.",
		Example: `{fault: power-loss, target: "leader(orders,0)", after: 1s, hold: 1s}`,
	},
	timeline.DiskLoss: {
		Does:    "The node is killed, and everything in its data directory is deleted.",
		Effect:  "The process is gone, and the directory is empty.",
		Healed:  "Another process answers, and its replicas are in the ISR: the others filled them.",
		See:     "An outage as after a kill; catching up takes as long as the log is.",
		Example: `{fault: disk-loss, target: "leader(orders,0)", after: 1s, hold: 1s}`,
	},
	timeline.DiskFull: {
		Does:    "The node's disk has room for so many bytes in all from now on.",
		Effect:  "The node noted ENOSPC and the file, and its process has ended. A record to a topic of its own makes it write.",
		Healed:  "With room again the node answers, its replicas are in the ISR, and it takes a record.",
		See:     "The broker stops and another leads: it does not go on with half of what it should have written.",
		Example: `{fault: disk-full, target: "leader(orders,0)", after: 1s, hold: 1s}`,
	},
	timeline.SyncError: {
		Does:    "Every sync of the node's disk fails with EIO, and what it was to make durable is given up, as Linux does.",
		Effect:  "The node noted EIO and the file, and its process has ended.",
		Healed:  "On a sound disk the node answers, its replicas are in the ISR, and it takes a record.",
		See:     "The broker stops at the first failure: a second sync would say that all is well, and lie.",
		Example: `{fault: sync-error, target: "leader(orders,0)", after: 1s, hold: 1s}`,
	},
	timeline.SlowDisk: {
		Does:    "Every sync of the node's disk takes longer.",
		Effect:  "Several records in a row that the node leads alone are acknowledged after the delay. With flush commit only: else nobody waits for a sync.",
		Healed:  "They are acknowledged sooner.",
		See:     "Latency up by the delay where the node is in the ISR, or the node out of it.",
		Example: `{fault: slow-disk, target: "follower(orders,0)", delay: 100ms, after: 1s, hold: 2s}`,
	},
	timeline.BitRot: {
		Does:    "One bit of a sealed segment is flipped on disk. The log must have one: see segment_size.",
		Effect:  "The node noted that it found the damage and set the segment aside.",
		Healed:  "A segment of that name is there again, and the node's replicas are in the ISR.",
		See:     "No reader gets what is damaged; the records come from the leader again.",
		Example: `{fault: bit-rot, target: "follower(orders,0)", topic: orders, partition: 0, after: 1s, hold: 1s}`,
	},
	timeline.Clock: {
		Does:    "The node's clock is ahead of the machine's by the offset, or behind it.",
		Effect:  "The Date of the node's answers to who scrapes its metrics is off by as much: 2 s or more can be seen.",
		Healed:  "It is that of the machine.",
		See:     "Nothing but time stamps: whatever waits in a node does so by a clock that does not jump.",
		Example: `{fault: clock, target: "leader(orders,0)", offset: -5s, after: 1s, hold: 1s}`,
	},
	timeline.TransferLeader: {
		Does:    "Another replica becomes the preferred leader of the partition and is elected.",
		Effect:  "The brokers name it as the leader.",
		Healed:  "They name the leader of before.",
		See:     "A few milliseconds in which clients look for the leader.",
		Example: `{fault: transfer-leader, target: "leader(orders,0)", after: 1s, hold: 1s}`,
	},
	timeline.Reassign: {
		Does:    "The leader's replica of the partition goes to a broker that has none of the partition, or away where all have one, and with it the leadership.",
		Effect:  "The brokers list other replicas, or the controller tells which come and go.",
		Healed:  "The replicas are those of before, in their order, and none comes or goes.",
		See:     "Copying as fast as the disks and links allow, and a change of leader when it is done; nothing is refused.",
		Example: `{fault: reassign, target: "leader(orders,0)", after: 1s, hold: 2s}`,
	},
	timeline.CrashClient: {
		Does:    "A client of the load ends with what it has in flight, and another comes in its place: producers first, then readers, from 0.",
		Effect:  "The links have no open connection of the client, where they had some.",
		Healed:  "They have some again.",
		See:     "Records of unknown fate, as many as were in flight; a reader that begins again at the start.",
		Example: `{fault: crash-client, target: client(0), after: 1s, hold: 1s}`,
	},
	timeline.DoubleClient: {
		Does:    "A client that writes in transactions is started a second time, under the same transactional id, while the first goes on and knows nothing of it.",
		Effect:  "The first one was told that it is fenced, and ended: the brokers took nothing more of it.",
		Healed:  "Transactions of the second one were acknowledged.",
		See:     "The open transaction of the first one aborted; nothing twice.",
		Example: `{fault: double-client, target: client(0), after: 1s, hold: 1s}`,
	},
	timeline.ConnectionStorm: {
		Does:    "So many connections are opened and kept: of three one says nothing, one stops in the middle of a request, one has asked.",
		Effect:  "The kernel counts as many more at the node's own port, or the node ended the rest; it answers who comes now.",
		Healed:  "The kernel counts no more of them than before.",
		See:     "Nothing: a node bounds what a connection costs, and closes those that stay silent.",
		Example: `{fault: connection-storm, target: "leader(orders,0)", count: 1000, after: 1s, hold: 2s}`,
	},
	timeline.Poison: {
		Does:    "Batches with wrong checksums, lengths, formats and counts, and frames that are none, are sent to the leader of a partition.",
		Effect:  "Each batch is answered with the error that it deserves, and each frame ends its connection.",
		Healed:  "The node is the process that it was, and answers.",
		See:     "Nothing: no reader gets any of it, and nobody else is disturbed.",
		Example: `{fault: poison, target: "leader(orders,0)", topic: orders, partition: 0, count: 50, after: 1s, hold: 1s}`,
	},
}
