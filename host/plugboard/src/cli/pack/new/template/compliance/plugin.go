// Package export_plugboard_plugin_compliance lets nobody be called in their night.
//
// wit/compliance.wit says what is judged and when. A rule has no clock: the time of an act stands in it. wit-bindgen writes the packages beside
// this one, and calls these functions by their names; an option that is left out is none.
package export_plugboard_plugin_compliance

import (
	"strconv"

	common "wit_component/plugboard_plugin_common"
	. "wit_component/plugboard_plugin_compliance"
	types "wit_component/plugboard_plugin_compliance_types"

	. "go.bytecodealliance.org/pkg/wit/types"
)

const (
	minuteMs = 60_000
	dayMin   = 24 * 60
)

// day has the first and last hour in which people are called, in minutes: what the schema has as its defaults.
type day struct{ from, until int64 }

var called = day{8 * 60, 21 * 60}

// read names the setting that is wrong, if one is.
func read(settings []Setting) (read day, wrong string) {
	read = day{8 * 60, 21 * 60}
	for _, setting := range settings {
		if setting.Name != "from" && setting.Name != "until" {
			continue
		}
		hour, err := strconv.ParseUint(setting.Value, 10, 8)
		if err != nil || hour > 24 {
			return read, setting.Name
		}
		if setting.Name == "from" {
			read.from = int64(hour) * 60
		} else {
			read.until = int64(hour) * 60
		}
	}
	if read.from >= read.until {
		return read, "until"
	}
	return read, ""
}

// waitMs is how long until the day begins where that clock stands; 0: it is day.
func (d day) waitMs(atMs uint64, offsetMin int16) uint64 {
	minute := (int64(atMs/minuteMs)%dayMin + int64(offsetMin)%dayMin + dayMin) % dayMin
	switch {
	case minute < d.from:
		return uint64(d.from-minute) * minuteMs
	case minute < d.until:
		return 0
	default:
		return uint64(dayMin-minute+d.from) * minuteMs
	}
}

func Describe() Description {
	return Description{Name: "@NAME@", Revision: 1, Judges: []string{"dial"}}
}

func Check(settings []Setting) []Problem {
	_, wrong := read(settings)
	if wrong == "" {
		return nil
	}
	return []Problem{{
		Severity: common.Severity_Error,
		Code:     "bad-hour",
		Field:    Some("/" + wrong),
		Message:  "`" + wrong + "` is no hour of the day that begins at `from`",
		Remedy:   "write whole hours, `from` before `until`, 0 to 24",
	}}
}

func Configure(settings []Setting) Result[Unit, Failure] {
	set, wrong := read(settings)
	if wrong != "" {
		return Err[Unit](Failure{Code: common.MakeFailureCodeBadSettings(), Message: wrong})
	}
	called = set
	return Ok[Unit, Failure](Unit{})
}

func Judge(act types.Act) Result[types.Verdict, Failure] {
	if act.What.Tag() != types.Effect_Dial {
		return verdict(types.MakeDecisionAllow(), "not-a-call", "")
	}
	// Where nobody knows what time it is there, the site's own clock counts.
	offset := act.What.Dial().TheirOffsetMin.SomeOr(act.UtcOffsetMin)
	wait := called.waitMs(act.AtMs, offset)
	if wait == 0 {
		return verdict(types.MakeDecisionAllow(), "by-day", "")
	}
	return verdict(types.MakeDecisionLater(act.AtMs+wait), "night", "it is night where they are")
}

func verdict(decision types.Decision, code, reason string) Result[types.Verdict, Failure] {
	return Ok[types.Verdict, Failure](types.Verdict{Decision: decision, Code: code, Reason: reason})
}

// Describe says that the rule takes no part in what follows: it is not asked.

func OnUtterance(state []uint8, segment types.Segment) Result[types.Heard, Failure] {
	return Ok[types.Heard, Failure](types.Heard{State: state})
}

func Review(transcript types.Transcript) Result[[]types.Finding, Failure] {
	return Ok[[]types.Finding, Failure](nil)
}

func Redact(text string, language string) Result[[]types.Span, Failure] {
	return Ok[[]types.Span, Failure](nil)
}
