// Package export_plugboard_plugin_flow greets the caller, who presses 1 to stand in a queue, and says sorry when no agent took them.
//
// wit/flow.wit says all that may happen and all that can be asked for. A flow has no clock and no memory but its state. wit-bindgen writes the
// packages beside this one, and calls these functions by their names; an option that is left out is none.
package export_plugboard_plugin_flow

import (
	common "wit_component/plugboard_plugin_common"
	. "wit_component/plugboard_plugin_flow"
	types "wit_component/plugboard_plugin_flow_types"

	. "go.bytecodealliance.org/pkg/wit/types"
)

const (
	// As the schema of the settings has it.
	defaultGreeting = "Welcome. Press 1 to talk to us."
	sorryText       = "Nobody can help you now. Please call again."
)

// place is where the flow waits. Its number is the whole state; Revision goes up when an old number means something else.
type place uint8

const (
	menu place = iota + 1
	// The menu once more: nothing, or another key, was pressed.
	again
	queue
	sorry
	over
)

var names = map[place]string{menu: "menu", again: "again", queue: "queue", sorry: "sorry", over: "over"}

// token is that of the action whose end moves the flow on: unique in the interaction and rising.
func (p place) token() uint32 { return uint32(p) * 10 }

// What configure was told.
var settings struct{ queue, greeting string }

// read says false where no queue is named.
func read(given []Setting) (queue, greeting string, ok bool) {
	greeting = defaultGreeting
	for _, setting := range given {
		switch setting.Name {
		case "queue":
			queue = setting.Value
		case "greeting":
			greeting = setting.Value
		}
	}
	return queue, greeting, queue != ""
}

func Describe() Description {
	return Description{Name: "@NAME@", Revision: 1}
}

func Check(given []Setting) []Problem {
	if _, _, ok := read(given); ok {
		return nil
	}
	return []Problem{{
		Severity: common.Severity_Error,
		Code:     "missing-queue",
		Field:    Some("/queue"),
		Message:  "no queue is named",
		Remedy:   "set `queue` to one of the tenant's queues",
	}}
}

func References(given []Setting) []Reference {
	queue, _, ok := read(given)
	if !ok {
		return nil
	}
	return []Reference{{Kind: MakeReferenceKindQueue(), Name: queue, Field: Some("/queue")}}
}

func Configure(given []Setting) Result[Unit, Failure] {
	queue, greeting, ok := read(given)
	if !ok {
		return Err[Unit](Failure{Code: common.MakeFailureCodeBadSettings(), Message: "no queue is named"})
	}
	settings.queue, settings.greeting = queue, greeting
	return Ok[Unit, Failure](Unit{})
}

func Step(state []uint8, event types.Event) Result[Stepped, Failure] {
	what := event.What
	if what.Tag() == types.Happening_Started {
		pickUp := types.Action{Token: 1, What: types.MakeEffectPickUp()}
		return Ok[Stepped, Failure](moved(0, "", menu, pickUp, ask(menu)))
	}
	here := over + 1
	if len(state) == 1 {
		here = place(state[0])
	}
	if _, known := names[here]; !known {
		return Err[Stepped](Failure{Code: common.MakeFailureCodeBadState(), Message: "not a state of this flow"})
	}
	return Ok[Stepped, Failure](step(here, what, event.Answers.SomeOr(0) == here.token()))
}

// step has one case for each place and what can happen there. What is awaited answers the action that the flow waits for.
func step(here place, what types.Happening, awaited bool) Stepped {
	happens := func(tag uint8) bool { return awaited && what.Tag() == tag }
	news := func(tag uint8) bool { return happens(types.Happening_Queue) && what.Queue().Tag() == tag }
	refused := happens(types.Happening_Refused)
	switch {
	case what.Tag() == types.Happening_HungUp && here != over:
		return moved(here, "hung-up", over)
	case here <= again && happens(types.Happening_Gathered) && what.Gathered().Digits == "1":
		return moved(here, "one", queue, wait())
	case here == menu && happens(types.Happening_Gathered):
		return moved(here, "other", again, ask(again))
	case here == again && happens(types.Happening_Gathered):
		return moved(here, "other", sorry, say(sorryText))
	case here <= again && refused:
		// A menu that cannot be played costs nobody a call.
		return moved(here, "refused", queue, wait())
	case here == queue && news(types.QueueNews_Connected):
		return moved(here, "connected", over)
	case here == queue && (refused || news(types.QueueNews_GaveUp)):
		return moved(here, "gave-up", sorry, say(sorryText))
	case here == sorry && (refused || happens(types.Happening_Played)):
		return moved(here, "done", over, types.Action{Token: over.token(), What: types.MakeEffectHangUp(16)})
	}
	// News of the wait, keys that nobody asked for, and what later hosts may tell.
	return Stepped{State: []uint8{uint8(here)}}
}

// moved goes on: the visit that ended with its exit, then the one that begins. left is 0 at the beginning.
func moved(left place, exit string, to place, actions ...types.Action) Stepped {
	var trail []Visit
	if left != 0 {
		trail = append(trail, Visit{Node: names[left], Exit: Some(exit)})
	}
	if to != over {
		trail = append(trail, Visit{Node: names[to]})
	}
	return Stepped{State: []uint8{uint8(to)}, Actions: actions, Trail: trail}
}

// prompt is in English, since the texts are; a prompt file is MakeSourceFile.
func prompt(text string) types.Prompt {
	return types.Prompt{Sources: []types.Source{types.MakeSourceText(text)}, Language: "en", BargeIn: true}
}

func say(text string) types.Action {
	return types.Action{Token: sorry.token(), What: types.MakeEffectPlay(prompt(text))}
}

// ask is for one key.
func ask(at place) types.Action {
	return types.Action{Token: at.token(), What: types.MakeEffectGather(types.Gather{
		Prompt:    Some(prompt(settings.greeting)),
		MaxDigits: 1,
		FirstMs:   5_000,
		BetweenMs: 3_000,
	})}
}

func wait() types.Action {
	return types.Action{Token: queue.token(), What: types.MakeEffectEnqueue(types.Enqueue{Queue: settings.queue})}
}
