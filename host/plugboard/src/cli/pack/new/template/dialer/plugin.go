// Package export_plugboard_plugin_dialer paces calls: predictive while few are abandoned, one call a free agent otherwise.
//
// wit/dialer.wit says what is asked and until when. Numbers only: a dialer has no clock, no network and no memory but its settings. wit-bindgen
// writes the packages beside this one, and calls these functions by their names; an option that is left out is none.
package export_plugboard_plugin_dialer

import (
	"strconv"

	common "wit_component/plugboard_plugin_common"
	. "wit_component/plugboard_plugin_dialer"

	. "go.bytecodealliance.org/pkg/wit/types"
)

const (
	hourMs = 60 * 60 * 1_000
	// Answered calls before which a rate says nothing.
	few = 30
	// Most calls for each agent who is free, in tenths: a burst is not taken back.
	mostTenths = 30
	// Outcomes of an attempt.
	answered, busy, refused = 0, 2, 4

	wrong = "`tries` is no whole number from 1 to 20"
)

// tries is how often a number is tried: as the schema of the settings has it.
var tries = 3

// read says false where the setting is wrong.
func read(settings []Setting) (int, bool) {
	for _, setting := range settings {
		if setting.Name == "tries" {
			tries, err := strconv.ParseUint(setting.Value, 10, 8)
			return int(tries), err == nil && tries >= 1 && tries <= 20
		}
	}
	return 3, true
}

func Describe() Description {
	return Description{Name: "@NAME@"}
}

func Check(settings []Setting) []Problem {
	if _, ok := read(settings); ok {
		return nil
	}
	return []Problem{{
		Severity: common.Severity_Error,
		Code:     "bad-tries",
		Field:    Some("/tries"),
		Message:  wrong,
		Remedy:   "write how often a number is tried in all",
	}}
}

func Configure(settings []Setting) Result[Unit, Failure] {
	set, ok := read(settings)
	if !ok {
		return Err[Unit](Failure{Code: common.MakeFailureCodeBadSettings(), Message: wrong})
	}
	tries = set
	return Ok[Unit, Failure](Unit{})
}

// Pace asks for enough that each free agent gets one who answers, less those who are on their way.
func Pace(stats Stats) Result[Tempo, Failure] {
	wanted := max(0, int64(stats.AgentsFree)-int64(stats.Waiting))
	isWithin := uint64(stats.AbandonedTotal)*1_000 < uint64(stats.AbandonLimit)*uint64(stats.AnsweredTotal)
	tenths := int64(10)
	if stats.AnsweredTotal >= few && isWithin {
		tenths = min(max(int64(stats.PlacedTotal)*10/int64(stats.AnsweredTotal), 10), mostTenths)
	}
	calls := max(0, wanted*tenths/10-int64(stats.Ringing))
	return Ok[Tempo, Failure](Tempo{Calls: uint32(min(calls, int64(stats.LinesFree), int64(stats.NumbersLeft)))})
}

func NextAttempt(history History) Result[Next, Failure] {
	tried := len(history.Attempts)
	last := -1
	if tried > 0 {
		last = int(history.Attempts[0].Outcome)
	}
	switch {
	case last == answered || last == refused || tried >= tries:
		// Whoever said no is not asked again.
		return Ok[Next, Failure](MakeNextNever())
	case last == busy:
		// Busy is over sooner than nobody at home.
		return Ok[Next, Failure](MakeNextAt(history.AtMs + hourMs/4))
	default:
		return Ok[Next, Failure](MakeNextAt(history.AtMs + hourMs<<min(tried, 5)))
	}
}
