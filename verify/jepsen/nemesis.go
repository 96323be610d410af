package jepsen

import (
	"strings"

	"github.com/logproof/logproof/verify/history"
)

// faults pairs what a nemesis of Jepsen writes: two :info lines for each thing that it does.
type faults struct {
	begun map[Keyword]operation // the first line of what it does
	open  map[string]int32      // index of each fault that is in force, by its name
	next  int32
}

// heals are what ends a fault, by Jepsen's names in its nemesis packages.
var heals = map[Keyword]string{"start": "kill", "resume": "pause"}

// injects are what begins one and has no start- before it.
var injects = []Keyword{"kill", "pause"}

// nemesis takes a line of the nemesis.
func (i *importer) nemesis(op operation) error {
	first, second := i.faults.begun[op.f]
	if !second {
		i.faults.begun[op.f] = op
		return nil
	}
	delete(i.faults.begun, op.f)
	first.value = op.value
	first.kind = op.kind
	name, inject := strings.CutPrefix(string(op.f), "start-")
	healed, heal := strings.CutPrefix(string(op.f), "stop-")
	if other, ok := heals[op.f]; ok {
		healed, heal = other, true
	}
	for _, f := range injects {
		inject = inject || op.f == f
	}
	switch {
	case heal:
		return i.healed(healed, first, op.time)
	case inject:
		index := i.faults.next
		i.faults.next++
		i.faults.open[name] = index
		return i.stages(name, index, first, op.time, history.Inject, history.Prove)
	}
	i.leave(first.line, "operations :f :%s of the nemesis", op.f)
	return nil
}

func (i *importer) healed(name string, first operation, end int64) error {
	index, ok := i.faults.open[name]
	if !ok {
		i.leave(first.line, "heals of %s, which was not in force", name)
		return nil
	}
	delete(i.faults.open, name)
	return i.stages(name, index, first, end, history.Heal, history.ProveHealed)
}

// stages writes an act of the nemesis and its proof: Jepsen proves nothing, which the detail says.
func (i *importer) stages(name string, index int32, first operation, end int64, act, proof history.Stage) error {
	for _, stage := range []history.Stage{act, proof} {
		detail := "as Jepsen noted it"
		if stage == proof {
			detail = "taken from the nemesis, which proves nothing"
		}
		err := i.put(history.Operation{
			Process: "nemesis", Kind: history.Fault, Outcome: history.OK, Invoke: history.Time(first.time), Return: history.Time(end),
			Fault: &history.FaultStage{Index: index, Fault: name, Target: Write(first.value), Stage: stage, Detail: detail},
		})
		if err != nil {
			return err
		}
	}
	return nil
}
