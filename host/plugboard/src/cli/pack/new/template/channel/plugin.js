// A channel: a platform that posts signed JSON, and takes JSON.
//
// wit/channel.wit says what is asked and until when, wit/http.wit what may be sent. Each question gets an instance of its own, and a secret never comes
// here: the host signs with it. Names are in camelCase, a variant is { tag, val }, and a failure is thrown; there is no fetch and no promise:
// `http.fetch` waits.

import config from 'plugboard:plugin/config@@CONTRACT@';
import http from 'plugboard:plugin/http@@CONTRACT@';

/** The secret that both sides sign with: plugin.toml asks for it. */
const SECRET = 'signing';
/** Hex digits of HMAC-SHA256 over the body. */
const SIGNATURE = 'x-signature';
/** Most messages of one request, and longest id and text. */
const MOST = 100;
const ID = 128;
const TEXT = 4096;
/** Milliseconds after which a platform that did not answer is asked again. */
const LATER_MS = 5000;

const failure = (tag, message, { val, retryMs } = {}) => ({ code: { tag, val }, message, retryMs, extra: [] });

const OF_STATUS = {
  401: 'denied',
  403: 'denied',
  404: 'no-recipient',
  408: 'unreachable',
  410: 'no-recipient',
  413: 'too-large',
  429: 'limit',
};

/** QuickJS has neither TextEncoder nor TextDecoder. */
const encode = (text) =>
  Uint8Array.from(encodeURIComponent(text).match(/%..|./g) ?? [], (sign) =>
    sign.length === 3 ? Number.parseInt(sign.slice(1), 16) : sign.charCodeAt(0),
  );

/** Undefined where it is no JSON in UTF-8, or nested deeper than a message: QuickJS goes down for each level, and its stack ends. */
function decode(bytes) {
  let latin = '';
  for (let at = 0; at < bytes.length; at += 4096) latin += String.fromCharCode(...bytes.slice(at, at + 4096));
  let depth = 0;
  for (const sign of latin.match(/[[\]{}]/g) ?? []) {
    depth += sign === '[' || sign === '{' ? 1 : -1;
    if (depth > 64) return undefined;
  }
  try {
    return JSON.parse(decodeURIComponent(escape(latin)));
  } catch {
    return undefined;
  }
}

function signature(body) {
  try {
    const mac = config.sign(SECRET, 'hmac-sha256', body);
    return [...mac].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  } catch {
    throw failure('bad-settings', 'the secret `signing` is not granted');
  }
}

/** Undefined: it is no message. */
function read(message, atMs) {
  const isText = (text, most, control) => typeof text === 'string' && text && text.length <= most && !control.test(text);
  const { id, from, text } = message ?? {};
  const isMessage = isText(id, ID, /\p{Cc}/u) && isText(from, ID, /\p{Cc}/u) && isText(text, TEXT, /[^\n\P{Cc}]/u);
  return isMessage ? { id, from, atMs, what: { tag: 'text', val: text }, extra: [] } : undefined;
}

/** RFC 9110 §10.2.3, in seconds; its other form is a date. */
function retryAfter({ headers }) {
  const after = headers.find((header) => header.name === 'retry-after')?.value ?? '';
  return /^\d{1,6}$/.test(after) ? Number(after) * 1000 : LATER_MS;
}

export const channel = {
  describe() {
    return { name: '@NAME@', kind: 'message', textMax: 4096, attachments: [], needs: [], extra: [] };
  },

  check(settings) {
    const url = settings.find((setting) => setting.name === 'send_url')?.value ?? '';
    if (url.startsWith('https://')) return [];
    const message = '`send_url` is no address that begins with https://';
    const remedy = 'write where the platform takes messages, as https://chat.example.com/send';
    return [{ severity: 'error', code: 'no-send-url', field: '/send_url', message, remedy, extra: [] }];
  },

  verify({ headers, body }) {
    const said = headers.find(([name]) => name === SIGNATURE)?.[1] ?? '';
    const due = signature(body);
    // To the end, wherever the two differ: else one could be found digit by digit.
    let differs = said.length ^ due.length;
    for (let at = 0; at < due.length; at += 1) differs |= due.charCodeAt(at) ^ said.charCodeAt(at);
    return { tag: differs === 0 ? 'genuine' : 'forged' };
  },

  receive({ body, atMs }) {
    const given = decode(body)?.messages;
    const messages = Array.isArray(given) && given.length <= MOST ? given.map((message) => read(message, atMs)) : [undefined];
    if (messages.includes(undefined)) {
      throw failure('bad-webhook', 'no list of at most 100 messages with id, from and text');
    }
    return { messages, reports: [], extra: [] };
  },

  send({ id, to, text }) {
    const url = config.get('send_url');
    if (!url) throw failure('bad-settings', '`send_url` is not set');
    const body = encode(JSON.stringify({ id, to, text }));
    const headers = [
      { name: 'Content-Type', value: 'application/json' },
      // The same at each attempt, so that the platform can drop a second one.
      { name: 'Idempotency-Key', value: id },
      { name: SIGNATURE, value: signature(body) },
    ];
    let response;
    try {
      response = http.fetch({ method: 'POST', url, headers, body, timeoutMs: 1500, extra: [] });
    } catch (error) {
      const why = error.payload ?? error;
      const tag = ['not-granted', 'private-address'].includes(why.code?.tag) ? 'denied' : 'unreachable';
      throw failure(tag, why.message, { retryMs: why.retryable ? LATER_MS : undefined });
    }
    const { status } = response;
    if (status >= 200 && status < 300) return { id, extra: [] };
    const tag = OF_STATUS[status] ?? (status >= 500 ? 'unreachable' : 'other');
    const again = tag === 'limit' || tag === 'unreachable';
    const val = tag === 'other' ? `status-${status}` : undefined;
    throw failure(tag, `the platform answered ${status}`, { val, retryMs: again ? retryAfter(response) : undefined });
  },
};

// Only types: exported so that the component imports no more than it asks for.
export const common = {};
