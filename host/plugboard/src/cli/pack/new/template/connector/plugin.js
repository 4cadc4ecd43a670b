// A connector: who is calling, as a web service knows it.
//
// wit/connector.wit says what is asked and until when, wit/http.wit what may be sent. Only granted hosts are reached, each question gets an
// instance of its own, and a secret is never more than a placeholder here. Names are in camelCase, a variant is { tag, val }, and a failure is
// thrown; there is no fetch and no promise: `http.fetch` waits.

import config from 'plugboard:plugin/config@@CONTRACT@';
import http from 'plugboard:plugin/http@@CONTRACT@';

/** The secret that the service wants: plugin.toml asks for it. */
const TOKEN = 'token';
/** Milliseconds after which a service that did not answer is asked again. */
const LATER_MS = 5000;

const failure = (tag, message, { val, retryMs } = {}) => ({ code: { tag, val }, message, retryMs, extra: [] });

const OF_HTTP = {
  'not-granted': 'denied',
  'private-address': 'denied',
  'secret-not-bound': 'denied',
  'timed-out': 'timed-out',
  'too-large': 'bad-answer',
  protocol: 'bad-answer',
};

const OF_STATUS = { 401: 'denied', 403: 'denied', 404: 'not-found', 408: 'unreachable', 429: 'limit' };

/** What came back, or a failure thrown that says why there is no answer of use. */
function get(path, timeoutMs) {
  const base = config.get('base');
  if (!base) throw failure('bad-settings', '`base` is not set');
  const token = config.secret(TOKEN);
  if (!token) throw failure('bad-settings', 'the secret `token` is not granted');
  const headers = [
    { name: 'Authorization', value: `Bearer ${token}` },
    { name: 'Accept', value: 'application/json' },
  ];
  let response;
  try {
    response = http.fetch({ method: 'GET', url: base + path, headers, body: new Uint8Array(), timeoutMs, extra: [] });
  } catch (error) {
    const why = error.payload ?? error;
    throw failure(OF_HTTP[why.code?.tag] ?? 'unreachable', why.message, { retryMs: why.retryable ? LATER_MS : undefined });
  }
  const { status } = response;
  if (status >= 200 && status < 300) return response;
  const tag = OF_STATUS[status] ?? (status >= 500 ? 'unreachable' : 'bad-answer');
  const again = tag === 'limit' || tag === 'unreachable';
  throw failure(tag, `the service answered ${status}`, { retryMs: again ? retryAfter(response) : undefined });
}

/** RFC 9110 §10.2.3, in seconds; its other form is a date. */
function retryAfter({ headers }) {
  const after = headers.find((header) => header.name === 'retry-after')?.value ?? '';
  return /^\d{1,6}$/.test(after) ? Number(after) * 1000 : LATER_MS;
}

/** Undefined where it is none, or nested deeper than an answer of use: QuickJS goes down for each level, and its stack ends. */
function json(text) {
  let depth = 0;
  for (const sign of text?.match(/[[\]{}]/g) ?? []) {
    depth += sign === '[' || sign === '{' ? 1 : -1;
    if (depth > 64) return undefined;
  }
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** QuickJS has no TextDecoder. Undefined where it is no UTF-8, or longer than an answer of use. */
function text(bytes) {
  if (bytes.length > 65_536) return undefined;
  let latin = '';
  for (let at = 0; at < bytes.length; at += 4096) latin += String.fromCharCode(...bytes.slice(at, at + 4096));
  try {
    return decodeURIComponent(escape(latin));
  } catch {
    return undefined;
  }
}

/** As it may stand in a path (RFC 3986 §2.3); undefined where it may not: `.` and `..` would mean another one, half a sign means none. */
function segment(text) {
  if (text === '.' || text === '..') return undefined;
  try {
    return encodeURIComponent(text).replace(/[!'()*]/g, (sign) => '%' + sign.charCodeAt(0).toString(16).toUpperCase());
  } catch {
    return undefined;
  }
}

export const connector = {
  describe() {
    const phone = { type: 'object', required: ['phone'], properties: { phone: { type: 'string' } } };
    const find = {
      name: 'find-customer',
      title: 'Find a customer by number',
      inputSchema: JSON.stringify(phone),
      outputSchema: '{}',
      writes: false,
    };
    return { name: '@NAME@', operations: [find], events: [], needs: [], extra: [] };
  },

  check(settings) {
    const base = settings.find((setting) => setting.name === 'base')?.value ?? '';
    if (base.startsWith('https://')) return [];
    const message = '`base` is no address that begins with https://';
    const remedy = "write the service's address, as https://crm.example.com/api";
    return [{ severity: 'error', code: 'no-base', field: '/base', message, remedy, extra: [] }];
  },

  probe() {
    get('/health', 5000);
  },

  invoke({ operation, input, timeoutMs }) {
    if (operation !== 'find-customer') throw failure('unknown-operation', 'there is only find-customer');
    const phone = json(input)?.phone;
    const path = typeof phone === 'string' ? segment(phone) : undefined;
    if (path === undefined) throw failure('bad-input', 'a number is wanted', { val: '/phone' });
    const name = json(text(get(`/customers/${path}`, timeoutMs).body))?.name;
    if (typeof name !== 'string' || name.length > 1024) throw failure('bad-answer', "the service's answer has no name");
    return { json: JSON.stringify({ name }), extra: [] };
  },

  onEvent() {},
};

// Only types: exported so that the component imports no more than it asks for.
export const common = {};
