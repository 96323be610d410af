// Package jepsen reads and writes histories of Jepsen's Kafka workload (jepsen.tests.kafka) as EDN.
//
//	history.edn ─> Reader (EDN) ─> Import ─> history.Recorder ─> verify
//	                                 └─> what could not be mapped, by line
//	history.bin ─> Export ─> history.edn ─> Jepsen's checker, or Import again
//
// An operation of Jepsen is two lines, :invoke and then :ok, :fail or :info. Its value is micro-operations:
// [:send key value], completed as [:send key [offset value]], and [:poll], completed as
// [:poll {key [[offset value] ...]}]. Jepsen's key is a partition here, its process a producer and a reader. The
// sequence of a record is its place among the sends of its process to its key.
//
// Jepsen writes no barrier. Import makes a final scan of everything that anybody was given, up to the last record that was
// read: so lost-write means what it means there, and what was acknowledged behind it is counted as Unseen.
package jepsen
