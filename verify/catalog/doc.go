// Package catalog explains what verify judges: every anomaly, every level of delivery, and who promises what.
//
//	verify.Class ──> Anomaly   definition, Jepsen's name, causes   ┐
//	verify.Zoo   ──> example   a history that shows it             ├──> Find ──> Text   (logproof explain)
//	verify.Level ──> Promise   settings, what holds, what does not ┘
//
// A test asks for an entry of every class and every level, and of every anomaly that Jepsen's Kafka checker
// knows. Nothing here judges.
package catalog
