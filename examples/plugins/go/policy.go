// Package export_plugboard_plugin_routing prefers the customer's last agent, else the longest idle: a routing policy of Plugboard in Go.
//
// wit-bindgen writes the packages beside this one, and calls these functions by their names.
package export_plugboard_plugin_routing

import (
	"cmp"
	"slices"

	. "wit_component/plugboard_plugin_routing"

	. "go.bytecodealliance.org/pkg/wit/types"
)

// Number of the attribute in the question's columns; -1: this host, or this queue, does not give it.
var lastAgent = -1

func Configure(tables Tables) Result[Unit, Failure] {
	lastAgent = slices.Index(tables.Attributes, "last-agent")
	return Ok[Unit, Failure](Unit{})
}

func RankAgents(who Waiting, needs []Need, candidates []Candidate, columns []Column) Result[Order, Failure] {
	last := make(map[uint32]bool, 1)
	for _, column := range columns {
		for row, value := range column.Values {
			if int(column.Attribute) == lastAgent && value == 1 && row < len(candidates) {
				last[candidates[row].Number] = true
			}
		}
	}
	slices.SortFunc(candidates, func(a, b Candidate) int {
		if last[a.Number] != last[b.Number] {
			if last[a.Number] {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(b.IdleMs, a.IdleMs), cmp.Compare(a.Number, b.Number))
	})
	numbers := make([]uint32, len(candidates))
	for row, agent := range candidates {
		numbers[row] = agent.Number
	}
	return inOrder(numbers)
}

// RankWaiting says: highest priority, then longest wait.
func RankWaiting(agent Candidate, waiting []Waiting, columns []Column) Result[Order, Failure] {
	slices.SortFunc(waiting, func(a, b Waiting) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(b.WaitedMs, a.WaitedMs), cmp.Compare(a.Number, b.Number))
	})
	numbers := make([]uint32, len(waiting))
	for row, one := range waiting {
		numbers[row] = one.Number
	}
	return inOrder(numbers)
}

// OnTimer leaves the needs as they are.
func OnTimer(who Waiting, needs []Need) Result[Relaxed, Failure] {
	return Ok[Relaxed, Failure](Relaxed{Needs: needs, OverflowTo: None[uint32](), AgainMs: None[uint32]()})
}

func inOrder(numbers []uint32) Result[Order, Failure] {
	return Ok[Order, Failure](Order{Numbers: numbers, AgainMs: None[uint32]()})
}
