// Package export_plugboard_plugin_assistant answers what it knows by a word, and hands over to a human what it does not.
//
// wit/assistant.wit says what is asked and until when. What it says is judged and masked by the host; it can do nothing but what it answers.
// wit-bindgen writes the packages beside this one, and calls these functions by their names; an option that is left out is none.
package export_plugboard_plugin_assistant

import (
	"fmt"
	"strings"
	"unicode"

	. "wit_component/plugboard_plugin_assistant"
	common "wit_component/plugboard_plugin_common"
	config "wit_component/plugboard_plugin_config"

	. "go.bytecodealliance.org/pkg/wit/types"
)

const (
	// What is known, one a line: a word of the question, =, what is said.
	answers = "answers"
	// Bytes of what is said at once.
	saidMax = 4 * 1_024
)

// known gives a line's word, in small letters, and what is said.
func known(line string) (word, said string, ok bool) {
	word, said, _ = strings.Cut(line, "=")
	word, said = strings.ToLower(strings.TrimSpace(word)), strings.TrimSpace(said)
	ok = word != "" && said != "" && len(said) <= saidMax && strings.IndexFunc(said, unicode.IsControl) < 0
	return word, said, ok
}

// answer is to the last thing that the customer said; empty where nothing is known.
func answer(conversation Conversation) string {
	asked := ""
	for _, turn := range conversation.Turns {
		if turn.Speaker == Speaker_Customer {
			asked = strings.ToLower(turn.Text)
		}
	}
	for _, line := range strings.Split(config.Get(answers).SomeOr(""), "\n") {
		if word, said, ok := known(line); ok && strings.Contains(asked, word) {
			return said
		}
	}
	return ""
}

func Describe() Description {
	return Description{Name: "@NAME@", Replies: true, Suggests: true}
}

func Check(settings []Setting) (problems []Problem) {
	for _, setting := range settings {
		if setting.Name != answers {
			continue
		}
		for _, line := range strings.Split(setting.Value, "\n") {
			if _, _, ok := known(line); ok || strings.TrimSpace(line) == "" || len(problems) == 100 {
				continue
			}
			problems = append(problems, Problem{
				Severity: common.Severity_Error,
				Code:     "bad-answer",
				Field:    Some("/answers"),
				Message:  fmt.Sprintf("%.80q is no word with what is said", line),
				Remedy:   "write one a line: hours = We are there from 9 to 18.",
			})
		}
	}
	return problems
}

func Reply(conversation Conversation) Result[[]Action, Failure] {
	if said := answer(conversation); said != "" {
		return Ok[[]Action, Failure]([]Action{MakeActionSay(said)})
	}
	handOver := MakeActionHandOver(HandOver{Reason: "the assistant knows nothing of it"})
	return Ok[[]Action, Failure]([]Action{handOver})
}

func Suggest(conversation Conversation) Result[[]Suggestion, Failure] {
	var suggestions []Suggestion
	if said := answer(conversation); said != "" {
		suggestions = []Suggestion{{Text: said, Confidence: 800}}
	}
	return Ok[[]Suggestion, Failure](suggestions)
}

// Classify is not asked: Describe says that it does not.
func Classify(text string, language string) Result[Classified, Failure] {
	return Ok[Classified, Failure](Classified{})
}
