// Package export_plugboard_plugin_channel connects a platform that posts signed JSON, and takes JSON.
//
// wit/channel.wit says what is asked and until when, wit/http.wit what may be sent. Each question gets an instance of its own, and a secret never
// comes here: the host signs with it. There is no net/http: http.Fetch waits for the host. wit-bindgen writes the packages beside this one, and
// calls these functions by their names; an option that is left out is none.
package export_plugboard_plugin_channel

import (
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	. "wit_component/plugboard_plugin_channel"
	common "wit_component/plugboard_plugin_common"
	config "wit_component/plugboard_plugin_config"
	http "wit_component/plugboard_plugin_http"

	. "go.bytecodealliance.org/pkg/wit/types"
)

const (
	// The secret that both sides sign with: plugin.toml asks for it.
	secret = "signing"
	// Hex digits of HMAC-SHA256 over the body.
	signatureHeader = "x-signature"
	// Most messages of one request, and most bytes of an id and of a text.
	mostMessages, mostID, mostText = 100, 128, 16 * 1_024
	// Milliseconds after which a platform that did not answer is asked again.
	laterMs = 5_000
)

func Describe() Description {
	return Description{Name: "@NAME@", Kind: "message", TextMax: 4_096}
}

func Check(settings []Setting) []Problem {
	for _, setting := range settings {
		if setting.Name == "send_url" && strings.HasPrefix(setting.Value, "https://") {
			return nil
		}
	}
	return []Problem{{
		Severity: common.Severity_Error,
		Code:     "no-send-url",
		Field:    Some("/send_url"),
		Message:  "`send_url` is no address that begins with https://",
		Remedy:   "write where the platform takes messages, as https://chat.example.com/send",
	}}
}

func Verify(webhook Webhook) Result[Verified, Failure] {
	due, why := signature(webhook.Body)
	if why != nil {
		return Err[Verified](*why)
	}
	for _, header := range webhook.Headers {
		// To the end, wherever the two differ: else one could be found digit by digit.
		if header.F0 == signatureHeader && subtle.ConstantTimeCompare([]byte(header.F1), []byte(due)) == 1 {
			return Ok[Verified, Failure](MakeVerifiedGenuine())
		}
	}
	return Ok[Verified, Failure](MakeVerifiedForged())
}

func Receive(webhook Webhook) Result[Received, Failure] {
	var body struct {
		Messages *[]struct{ Id, From, Text string }
	}
	bad := failure(MakeFailureCodeBadWebhook(), "no list of at most 100 messages with id, from and text")
	if !read(webhook.Body, &body) || body.Messages == nil || len(*body.Messages) > mostMessages {
		return Err[Received](*bad)
	}
	var messages []Message
	for _, given := range *body.Messages {
		if !isText(given.Id, mostID, "") || !isText(given.From, mostID, "") || !isText(given.Text, mostText, "\n") {
			return Err[Received](*bad)
		}
		messages = append(messages, Message{Id: given.Id, From: given.From, AtMs: webhook.AtMs, What: MakeContentText(given.Text)})
	}
	return Ok[Received, Failure](Received{Messages: messages})
}

// read says false where it is no such JSON, or nested deeper than a message: Go goes down for each level, and the component's stack ends.
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

func isText(text string, most int, allowed string) bool {
	isControl := func(sign rune) bool { return unicode.IsControl(sign) && !strings.ContainsRune(allowed, sign) }
	return text != "" && len(text) <= most && strings.IndexFunc(text, isControl) < 0
}

func Send(message Outgoing) Result[Receipt, Failure] {
	if why := post(message); why != nil {
		return Err[Receipt](*why)
	}
	return Ok[Receipt, Failure](Receipt{Id: message.Id})
}

// post is nil where the platform took the message.
func post(message Outgoing) *Failure {
	url := config.Get("send_url")
	if url.IsNone() {
		return failure(MakeFailureCodeBadSettings(), "`send_url` is not set")
	}
	body, _ := json.Marshal(map[string]string{"id": message.Id, "to": message.To, "text": message.Text})
	mac, why := signature(body)
	if why != nil {
		return why
	}
	fetched := http.Fetch(http.Request{
		Method: "POST",
		Url:    url.Some(),
		Headers: []http.Header{
			{Name: "Content-Type", Value: "application/json"},
			// The same at each attempt, so that the platform can drop a second one.
			{Name: "Idempotency-Key", Value: message.Id},
			{Name: signatureHeader, Value: mac},
		},
		Body:      body,
		TimeoutMs: 1_500,
	})
	if fetched.IsErr() {
		return ofHTTP(fetched.Err())
	}
	return ofStatus(fetched.Ok())
}

func signature(body []byte) (string, *Failure) {
	mac := config.Sign(secret, "hmac-sha256", body)
	if mac.IsErr() {
		return "", failure(MakeFailureCodeBadSettings(), "the secret `signing` is not granted")
	}
	return hex.EncodeToString(mac.Ok()), nil
}

func ofHTTP(why http.Failure) *Failure {
	code := MakeFailureCodeUnreachable()
	if tag := why.Code.Tag(); tag == http.FailureCode_NotGranted || tag == http.FailureCode_PrivateAddress {
		code = MakeFailureCodeDenied()
	}
	failed := failure(code, why.Message)
	if why.Retryable {
		failed.RetryMs = Some[uint32](laterMs)
	}
	return failed
}

// ofStatus is nil where the platform took the message.
func ofStatus(response http.Response) *Failure {
	var code FailureCode
	again := false
	switch status := response.Status; {
	case status >= 200 && status < 300:
		return nil
	case status == 404 || status == 410:
		code = MakeFailureCodeNoRecipient()
	case status == 401 || status == 403:
		code = MakeFailureCodeDenied()
	case status == 413:
		code = MakeFailureCodeTooLarge()
	case status == 429:
		code, again = MakeFailureCodeLimit(), true
	case status == 408 || status >= 500:
		code, again = MakeFailureCodeUnreachable(), true
	default:
		code = MakeFailureCodeOther(fmt.Sprintf("status-%d", status))
	}
	failed := failure(code, fmt.Sprintf("the platform answered %d", response.Status))
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
