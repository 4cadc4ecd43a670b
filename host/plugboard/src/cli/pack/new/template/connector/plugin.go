// Package export_plugboard_plugin_connector says who is calling, as a web service knows it.
//
// wit/connector.wit says what is asked and until when, wit/http.wit what may be sent. Only granted hosts are reached, each question gets an
// instance of its own, and a secret is never more than a placeholder here. There is no net/http: http.Fetch waits for the host. wit-bindgen writes
// the packages beside this one, and calls these functions by their names; an option that is left out is none.
package export_plugboard_plugin_connector

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	common "wit_component/plugboard_plugin_common"
	config "wit_component/plugboard_plugin_config"
	. "wit_component/plugboard_plugin_connector"
	http "wit_component/plugboard_plugin_http"

	. "go.bytecodealliance.org/pkg/wit/types"
)

// token is the secret that the service wants: plugin.toml asks for it.
const token = "token"

// laterMs is when a service that did not answer is asked again.
const laterMs = 5_000

func Describe() Description {
	phone := `{"type":"object","required":["phone"],"properties":{"phone":{"type":"string"}}}`
	find := Operation{Name: "find-customer", Title: "Find a customer by number", InputSchema: phone, OutputSchema: "{}"}
	return Description{Name: "@NAME@", Operations: []Operation{find}}
}

func Check(settings []Setting) []Problem {
	for _, setting := range settings {
		if setting.Name == "base" && strings.HasPrefix(setting.Value, "https://") {
			return nil
		}
	}
	return []Problem{{
		Severity: common.Severity_Error,
		Code:     "no-base",
		Field:    Some("/base"),
		Message:  "`base` is no address that begins with https://",
		Remedy:   "write the service's address, as https://crm.example.com/api",
	}}
}

func Probe() Result[Unit, Failure] {
	if _, why := get("/health", 5_000); why != nil {
		return Err[Unit](*why)
	}
	return Ok[Unit, Failure](Unit{})
}

func Invoke(call Call) Result[Output, Failure] {
	name, why := findCustomer(call)
	if why != nil {
		return Err[Output](*why)
	}
	output, _ := json.Marshal(map[string]string{"name": name})
	return Ok[Output, Failure](Output{Json: string(output)})
}

func OnEvent(event Event) Result[Unit, Failure] {
	return Ok[Unit, Failure](Unit{})
}

func findCustomer(call Call) (string, *Failure) {
	if call.Operation != "find-customer" {
		return "", failure(MakeFailureCodeUnknownOperation(), "there is only find-customer")
	}
	var input struct{ Phone *string }
	// As a segment of a path these two would mean another one.
	if !read([]byte(call.Input), &input) || input.Phone == nil || *input.Phone == "." || *input.Phone == ".." {
		return "", failure(MakeFailureCodeBadInput("/phone"), "a number is wanted")
	}
	response, why := get("/customers/"+percent(*input.Phone), call.TimeoutMs)
	if why != nil {
		return "", why
	}
	var found struct{ Name *string }
	if !read(response.Body, &found) || found.Name == nil || len(*found.Name) > 1_024 {
		return "", failure(MakeFailureCodeBadAnswer(), "the service's answer has no name")
	}
	return *found.Name, nil
}

// read says false where it is no such JSON, or nested deeper than an answer of use: Go goes down for each level, and the component's stack ends.
func read(document []byte, into any) bool {
	depth := 0
	for _, sign := range document {
		switch sign {
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		}
		if depth > 64 {
			return false
		}
	}
	return json.Unmarshal(document, into) == nil
}

// get gives what came back, or why there is no answer of use.
func get(path string, timeoutMs uint32) (response http.Response, why *Failure) {
	base, secret := config.Get("base"), config.Secret(token)
	if base.IsNone() {
		return response, failure(MakeFailureCodeBadSettings(), "`base` is not set")
	}
	if secret.IsNone() {
		return response, failure(MakeFailureCodeBadSettings(), "the secret `token` is not granted")
	}
	fetched := http.Fetch(http.Request{
		Method: "GET",
		Url:    base.Some() + path,
		Headers: []http.Header{
			{Name: "Authorization", Value: "Bearer " + secret.Some()},
			{Name: "Accept", Value: "application/json"},
		},
		TimeoutMs: timeoutMs,
	})
	if fetched.IsErr() {
		return response, ofHTTP(fetched.Err())
	}
	response = fetched.Ok()
	return response, ofStatus(response)
}

func ofHTTP(why http.Failure) *Failure {
	code := MakeFailureCodeUnreachable()
	switch why.Code.Tag() {
	case http.FailureCode_NotGranted, http.FailureCode_PrivateAddress, http.FailureCode_SecretNotBound:
		code = MakeFailureCodeDenied()
	case http.FailureCode_TimedOut:
		code = MakeFailureCodeTimedOut()
	case http.FailureCode_TooLarge, http.FailureCode_Protocol:
		code = MakeFailureCodeBadAnswer()
	}
	failed := failure(code, why.Message)
	if why.Retryable {
		failed.RetryMs = Some[uint32](laterMs)
	}
	return failed
}

// ofStatus is nil where the service answered.
func ofStatus(response http.Response) *Failure {
	var code FailureCode
	again := false
	switch status := response.Status; {
	case status >= 200 && status < 300:
		return nil
	case status == 404:
		code = MakeFailureCodeNotFound()
	case status == 401 || status == 403:
		code = MakeFailureCodeDenied()
	case status == 429:
		code, again = MakeFailureCodeLimit(), true
	case status == 408 || status >= 500:
		code, again = MakeFailureCodeUnreachable(), true
	default:
		code = MakeFailureCodeBadAnswer()
	}
	failed := failure(code, fmt.Sprintf("the service answered %d", response.Status))
	if again {
		failed.RetryMs = Some(retryAfter(response.Headers))
	}
	return failed
}

// retryAfter reads RFC 9110 §10.2.3, in seconds; its other form is a date.
func retryAfter(headers []http.Header) uint32 {
	for _, header := range headers {
		if header.Name != "retry-after" {
			continue
		}
		if seconds, err := strconv.ParseUint(header.Value, 10, 20); err == nil {
			return uint32(seconds) * 1_000
		}
	}
	return laterMs
}

func failure(code FailureCode, message string) *Failure {
	return &Failure{Code: code, Message: message}
}

// percent writes what may stand in a path (RFC 3986 §2.3).
func percent(text string) string {
	var path strings.Builder
	for _, sign := range []byte(text) {
		isPlain := 'A' <= sign && sign <= 'Z' || 'a' <= sign && sign <= 'z' || '0' <= sign && sign <= '9'
		if isPlain || strings.IndexByte("-._~", sign) >= 0 {
			path.WriteByte(sign)
		} else {
			fmt.Fprintf(&path, "%%%02X", sign)
		}
	}
	return path.String()
}
