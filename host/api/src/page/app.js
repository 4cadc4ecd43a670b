// The wallboard: asks for the live view when something happens, follows events, and draws.
'use strict';

const REFRESH_MS = 1000; // the live view at most this often
const IDLE_MS = 5000; // and at least this often
const LATELY_MS = 3600000; // a failure that long ago is no news
const FIGURES_MS = 10000; // the day's figures change slowly
const KEPT_EVENTS = 4000;
const RECORDS = 25;
const TIME = { hour: '2-digit', minute: '2-digit', hour12: false };
const DAY = { month: '2-digit', day: '2-digit' };

const $ = (id) => document.getElementById(id);
const state = {
  tenant: localStorage.getItem('plugboard.tenant'), configuration: null, host: null, connectors: [], live: null, figures: new Map(), figuresAt: 0, records: [], recordings: new Map(),
  events: [], chosen: null, chosenByHand: false, drawn: 0, offset: 0, socket: null, tries: 0, refresh: null, last: null, linked: null,
};

class Refused extends Error {
  constructor(problem) { super(problem.detail || problem.title); this.status = problem.status; this.remedy = problem.remedy; }
}

async function ask(path, method = 'GET', body) {
  const headers = { 'Accept-Language': Language.now, ...(body !== undefined && { 'Content-Type': 'application/json' }) };
  const answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const problem = await answer.json().catch(() => ({ title: answer.statusText, status: answer.status }));
  if (answer.status === 401 && path !== '/v1/login') showLogin();
  throw new Refused(problem);
}
const base = () => `/v1/tenants/${encodeURIComponent(state.tenant)}`;

/* logging in */
function showLogin() {
  if (state.socket) { state.socket.onclose = null; state.socket.close(); state.socket = null; }
  clearTimeout(state.refresh);
  $('board').hidden = $('leave').hidden = $('link').hidden = $('alarms').hidden = true;
  document.querySelector('.tenant').hidden = true;
  $('login').hidden = false;
  $('token').focus();
}

document.querySelector('#login form').addEventListener('submit', async (submit) => {
  submit.preventDefault();
  $('refused').textContent = '';
  try {
    await ask('/v1/login', 'POST', { token: $('token').value });
    $('token').value = '';
    await start();
  } catch (error) {
    $('refused').textContent = word(error.status === 401 ? 'wrongToken' : 'unreachable');
  }
});
$('leave').addEventListener('click', async () => { await ask('/v1/logout', 'POST').catch(() => {}); showLogin(); });

async function start() {
  const tenants = (await ask('/v1/tenants')).items;
  if (!tenants.some((tenant) => tenant.id === state.tenant)) state.tenant = tenants.length ? tenants[0].id : null;
  $('tenant').replaceChildren(...tenants.map((tenant) => new Option(tenant.name, tenant.id, false, tenant.id === state.tenant)));
  document.querySelector('.tenant').hidden = tenants.length < 2;
  $('login').hidden = true;
  $('board').hidden = $('leave').hidden = $('link').hidden = false;
  if (state.tenant) await enter();
}

$('tenant').addEventListener('change', async () => {
  state.tenant = $('tenant').value;
  localStorage.setItem('plugboard.tenant', state.tenant);
  if (state.socket) { state.socket.onclose = null; state.socket.close(); }
  Object.assign(state, { events: [], chosen: null, chosenByHand: false, last: null, connectors: [], live: null, figures: new Map(), figuresAt: 0 });
  await enter().catch(tell);
});

async function enter() {
  [state.host, state.configuration] = await Promise.all([ask('/v1/host'), ask(`${base()}/configuration`)]);
  await Promise.all([refresh(), readRecords()]);
  drawSelf();
  state.last = Math.max(0, (state.live ? state.live.seq : 0) - KEPT_EVENTS / 2);
  connect();
}

/* following events */
function connect() {
  link(state.tries ? 'reconnecting' : 'connecting');
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  const socket = new WebSocket(`${scheme}://${location.host}${base()}/events/live?after=${state.last}`);
  state.socket = socket;
  socket.onopen = () => { state.tries = 0; link('live'); soon(0); };
  socket.onmessage = (message) => take(JSON.parse(message.data));
  socket.onclose = () => {
    if (state.socket !== socket) return;
    state.tries += 1;
    link('reconnecting');
    setTimeout(() => state.socket === socket && ask('/v1/tenants').then(connect, () => socket.onclose()), Math.min(500 * 2 ** state.tries, 10000));
  };
}
function link(how) {
  state.linked = how;
  $('link').textContent = word(how);
  $('link').classList.toggle('live', how === 'live');
}

function take(event) {
  state.last = event.seq;
  state.events.push(event);
  if (state.events.length > KEPT_EVENTS) state.events.splice(0, KEPT_EVENTS / 4);
  if (event.type === 'interaction-offered' && !state.chosenByHand) choose(event.interaction, false);
  else if (event.interaction === state.chosen) drawSoon();
  if (['interaction-closed', 'recording-closed', 'disposition-set'].includes(event.type)) setTimeout(() => readRecords().catch(tell), 600);
  if (event.type === 'configuration-applied') ask(`${base()}/configuration`).then((now) => { state.configuration = now; drawSelf(); }, tell);
  soon(150);
}

/** The live view after `delay`, but not more than once in REFRESH_MS. */
function soon(delay) {
  const due = Math.max(Date.now() + delay, (state.asked || 0) + (delay >= IDLE_MS ? 0 : REFRESH_MS));
  if (state.refresh && state.due <= due) return;
  clearTimeout(state.refresh);
  state.due = due;
  state.refresh = setTimeout(() => { state.refresh = null; refresh().catch(() => {}); }, due - Date.now());
}
async function refresh() {
  state.asked = Date.now();
  try {
    state.live = await ask(`${base()}/live`);
    state.offset = Date.now() - Date.parse(state.live.at);
    if (state.chosen === null && state.live.calls.length) {
      const talking = state.live.calls.find((call) => call.stage === 'talking');
      choose((talking || state.live.calls[state.live.calls.length - 1]).interaction, false);
    }
    if (Date.now() - state.figuresAt > FIGURES_MS) {
      state.figuresAt = Date.now();
      const [host, today, connectors] = await Promise.all([ask('/v1/host'), ask(`${base()}/figures/queues`), ask(`${base()}/connectors`)]);
      state.host = host;
      state.connectors = connectors.items;
      drawAlarms();
      drawConnectors();
      state.figures = new Map(today.items.map((row) => [row.queue, row]));
    }
    drawLive();
  } finally {
    if (!$('board').hidden) soon(IDLE_MS);
  }
}
async function readRecords() {
  state.records = (await ask(`${base()}/cdrs?limit=${RECORDS}`)).items;
  drawRecords();
}

/* drawing */
const now = () => Date.now() - state.offset;
const clock = (ms) => {
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = (n) => String(n).padStart(2, '0');
  return s < 3600 ? `${Math.floor(s / 60)}:${two(s % 60)}` : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
};
const agentName = (id) => state.configuration?.agents[id]?.name || id || '';
const queueName = (id) => state.configuration?.queues[id]?.name || id || '';

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}
/** A cell that may be cut short. */
function titled(className, text) {
  const made = element('td', className, text);
  made.title = text;
  return made;
}
/** Lets the text of `shown` count up from `since`, in milliseconds of the host's clock. */
function count(shown, since) {
  shown.dataset.since = since;
  shown.textContent = clock(now() - since);
  return shown;
}
const timer = (tag, className, since) => count(element(tag, className), since);
/** Puts `made` into `parent` and keeps the keyboard's place in it. */
function replace(parent, made) {
  const held = parent.contains(document.activeElement) ? document.activeElement : null;
  const key = held?.closest('[data-key]')?.dataset.key;
  const act = held?.tagName === 'BUTTON';
  parent.replaceChildren(...made);
  if (key === undefined) return;
  const row = parent.querySelector(`[data-key="${CSS.escape(key)}"]`);
  (act ? row?.querySelector('button') : row)?.focus();
}

function drawLive() {
  const { calls, agents, queues } = state.live;
  const waiting = calls.filter((call) => call.stage === 'waiting');
  const busy = ['talking', 'held', 'consulting', 'ringing'];
  $('sum-calls').textContent = calls.length;
  $('sum-waiting').textContent = waiting.length;
  $('sum-waiting').parentElement.classList.toggle('late', waiting.length > 0);
  const longest = Math.max(0, ...queues.map((queue) => queue.longest_wait_ms));
  if (longest > 0) count($('sum-longest'), Date.parse(state.live.at) - longest);
  else { delete $('sum-longest').dataset.since; $('sum-longest').textContent = clock(0); }
  $('sum-ready').textContent = agents.filter((agent) => agent.state === 'ready').length;
  $('sum-busy').textContent = agents.filter((agent) => busy.includes(agent.state)).length;
  replace($('queues'), queues.map(drawQueue));
  const order = ['ringing', 'talking', 'held', 'consulting', 'reserved', 'wrap-up', 'ready', 'not-ready', 'unreachable', 'logged-out'];
  const sorted = [...agents].sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state) || Date.parse(a.since) - Date.parse(b.since));
  replace($('agents'), sorted.map(drawAgent));
  const newest = [...calls].sort((a, b) => b.interaction - a.interaction);
  replace($('call-rows'), newest.map(drawCall));
  $('no-calls').hidden = calls.length > 0;
}

function drawQueue(queue) {
  const item = element('li', queue.waiting ? 'some' : '');
  const top = element('div', 'top');
  const waits = element('span', 'waiting', word('queueWaiting', { n: queue.waiting }));
  if (queue.waiting) waits.append(' · ', timer('span', 'timer', Date.parse(state.live.at) - queue.longest_wait_ms));
  const name = element('strong', '', queue.name);
  name.title = queue.name;
  top.append(name, waits);
  item.append(top, element('div', 'below', word('queueBelow', queue)));
  const today = state.figures.get(queue.id);
  if (today) item.append(element('div', 'below', word('queueToday', told(today))));
  return item;
}

/** What stands of this tenant's and of the whole host's, to which folders of tenants belong. */
function drawAlarms() {
  const place = (alarm) => (alarm.about || '').split('/');
  const mine = (state.host?.alarms || []).filter((alarm) => !alarm.about || place(alarm)[0] === state.tenant || alarm.name === 'tenant-not-applied');
  $('alarms').replaceChildren(...mine.map((alarm) => {
    const item = element('li');
    item.append(element('strong', '', word(`alarms.${alarm.name}`)));
    const thing = place(alarm)[0] === state.tenant ? place(alarm).slice(1).join('/') : alarm.about;
    if (thing && !alarm.detail.startsWith(thing)) item.append(element('b', '', thing), ' ');
    item.append(alarm.detail.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, moment));
    item.title = new Date(alarm.since).toLocaleString(Language.now);
    return item;
  }));
  $('alarms').hidden = mine.length === 0;
}

/** How the systems behind the tenant's connectors fare; nothing where it has none. */
function drawConnectors() {
  const order = (one) => (one.state === 'not-ready' ? 0 : one.state === 'open' ? 1 : one.failing ? 2 : 3);
  const sorted = [...state.connectors].sort((a, b) => order(a) - order(b) || a.name.localeCompare(b.name));
  $('connector-rows').replaceChildren(...sorted.flatMap(drawConnector));
  $('connectors').hidden = sorted.length === 0;
}

/** A row of figures and, where something is or lately was wrong, one that says what. */
function drawConnector(one) {
  const row = element('tr');
  const name = element('td', '', one.name);
  name.title = one.plugin;
  const how = one.state === 'closed' ? (one.failing ? 'failing' : 'well') : one.state;
  const circuit = element('td');
  circuit.append(element('span', `state ${how === 'well' ? 'good' : 'alert'}`, word(`circuits.${how}`, { until: one.let_be_until && moment(one.let_be_until) })));
  const number = (text, className = '') => element('td', `number ${className}`, text);
  const failed = one.asked_last_minute ? word('ofAsked', { failed: one.failed_last_minute, asked: one.asked_last_minute }) : '–';
  const took = Object.keys(one.outcomes).length ? `${lasted(one.p50_ms)} · ${lasted(one.p99_ms)}` : '–';
  const { waiting, dead, oldest_at: oldest } = one.letters || {};
  const untold = number(one.letters ? (waiting || dead ? '' : '0') : '–');
  if (waiting) untold.append(`${waiting} · `, timer('span', 'quiet', Date.parse(oldest)));
  if (dead) untold.append(waiting ? ' · ' : '', element('span', 'dead', word('dead', { n: dead })));
  row.append(name, circuit, number(failed, one.failed_last_minute ? 'alert' : ''), number(took), untold);
  const last = one.last_failure && Date.parse(one.last_failure.at);
  if (!one.problem && (!last || (how === 'well' && now() - last > LATELY_MS))) return [row];
  const why = element('td', 'why', one.problem || one.last_failure.why);
  why.colSpan = 5;
  why.title = why.textContent;
  if (!one.problem) {
    const [before, after] = word('ago', { t: '|' }).split('|');
    why.prepend(before, timer('span', '', last), `${after} · `);
  }
  const below = element('tr', 'below');
  below.append(why);
  return [row, below];
}
/** A point in time of today as people read it. */
const moment = (text) => new Date(text).toLocaleTimeString(Language.now, { ...TIME, second: '2-digit' });
const lasted = (ms) => (ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`);

/** The day's row of one queue, in words. */
function told({ counters, figures }) {
  const share = (value) => (value === null ? '–' : `${Math.round(value * 100)} %`);
  const wait = figures['average-speed-of-answer'];
  return { answered: counters.answered, offered: counters.offered, wait: wait === null ? '–' : clock(wait), level: share(figures['service-level-4']) };
}

function drawAgent(agent) {
  const looks = { ready: 'good', talking: 'busy', held: 'busy', consulting: 'busy', ringing: 'soon', reserved: 'soon', 'wrap-up': 'soon', 'logged-out': 'off', unreachable: 'alert' };
  const item = element('li');
  const name = element('span', 'name', agent.name);
  name.append(element('small', '', agent.extension));
  const text = word(`states.${agent.state}`) + (agent.reason ? ` · ${agent.reason}` : '');
  item.append(name, agent.state === 'logged-out' ? element('span') : timer('span', 'timer', Date.parse(agent.since)), element('span', `state ${looks[agent.state] || ''}`, text));
  return item;
}

function drawCall(call) {
  const row = chooser(call.interaction);
  const caller = element('td', call.recording ? 'recorded' : '', call.from || word('withheld'));
  if (call.recording) caller.title = word('recorded');
  const looks = { talking: 'busy', held: 'busy', consulting: 'busy', ringing: 'soon', waiting: 'soon' };
  const stage = element('td');
  stage.append(element('span', `state ${looks[call.stage] || ''}`, word(`stages.${call.stage}`)));
  const place = call.position ? word('position', { n: call.position }) : '';
  const whom = [call.queue && queueName(call.queue), call.agent && agentName(call.agent), place].filter(Boolean).join(' · ');
  const act = element('td', 'act');
  const hang = element('button', 'hang', word('hangUp'));
  hang.type = 'button';
  hang.setAttribute('aria-label', `${word('hangUp')}: ${call.from}`);
  if (state.sure === call.interaction) sure(hang);
  hang.addEventListener('click', (click) => { click.stopPropagation(); hangUp(call.interaction, hang); });
  act.append(hang);
  row.append(caller, element('td', '', call.to), stage, titled('wide', whom), timer('td', 'number', Date.parse(call.started)), act);
  return row;
}

function sure(button) { button.textContent = word('sure'); button.classList.add('sure'); }
async function hangUp(interaction, button) {
  if (state.sure !== interaction) {
    state.sure = interaction;
    sure(button);
    setTimeout(() => { if (state.sure === interaction) { state.sure = null; if (state.live) drawLive(); } }, 4000);
    return;
  }
  state.sure = null;
  await ask(`${base()}/calls/${interaction}/hang-up`, 'POST').catch(tell);
  soon(0);
}

/** A table row that chooses its interaction, by mouse and by keyboard. */
function chooser(interaction) {
  const row = element('tr');
  row.tabIndex = 0;
  row.dataset.key = interaction;
  row.setAttribute('aria-selected', interaction === state.chosen);
  row.addEventListener('click', () => choose(interaction, true));
  row.addEventListener('keydown', (key) => {
    if (key.target !== row) return;
    if (key.key === 'Enter' || key.key === ' ') { key.preventDefault(); choose(interaction, true); }
    if (key.key === 'ArrowDown') { key.preventDefault(); row.nextElementSibling?.focus(); }
    if (key.key === 'ArrowUp') { key.preventDefault(); row.previousElementSibling?.focus(); }
  });
  return row;
}

function drawRecords() {
  replace($('record-rows'), state.records.map((record) => {
    const row = chooser(record.interaction);
    const began = new Date(record.started_at);
    const today = began.toDateString() === new Date().toDateString();
    const when = element('td', '', began.toLocaleString(Language.now, today ? TIME : { ...DAY, ...TIME }));
    when.title = began.toLocaleString(Language.now);
    const agent = (record.agents || []).find((segment) => segment.answered_at)?.agent;
    const outcome = record.answered ? (agent ? word('answeredBy', { agent: agentName(agent) }) : word('answered'))
      : word(record.abandoned ? 'abandoned' : record.voicemail ? 'voicemail' : 'unanswered');
    const act = element('td', 'act');
    const recording = (record.recordings || []).find((one) => one.sha256);
    if (recording) {
      const play = element('button', '', '▶');
      play.type = 'button';
      play.title = word('play');
      play.setAttribute('aria-label', `${word('play')}: ${word('interaction', { n: record.interaction })}`);
      play.addEventListener('click', (click) => { click.stopPropagation(); listen(record, recording.recording); });
      act.append(play);
    }
    row.append(when, element('td', '', record.from || word('withheld')), element('td', '', record.to), titled('wide', outcome),
      element('td', 'number', clock(record.wait_ms)), element('td', 'number', clock(record.duration_ms)), act);
    return row;
  }));
  $('no-records').hidden = state.records.length > 0;
}

function listen(record, recording) {
  $('player').hidden = false;
  state.playing = record;
  drawPlaying();
  $('audio').src = `${base()}/recordings/${recording}`;
  $('audio').play().catch(() => {});
}

function drawPlaying() {
  const record = state.playing;
  if (record) $('playing').textContent = word('playing', { n: record.interaction, from: record.from || word('withheld') });
}

function choose(interaction, byHand) {
  state.chosen = interaction;
  state.chosenByHand = byHand;
  state.drawn = 0;
  for (const row of document.querySelectorAll('tr[data-key]')) row.setAttribute('aria-selected', Number(row.dataset.key) === interaction);
  drawLadder();
}
function drawSoon() {
  if (state.drawing) return;
  state.drawing = requestAnimationFrame(() => { state.drawing = null; drawLadder(); });
}
function drawLadder() {
  const events = state.events.filter((event) => event.interaction === state.chosen);
  $('ladder-of').textContent = state.chosen === null ? '' : word('interaction', { n: state.chosen });
  $('no-ladder').hidden = events.length > 0;
  $('no-ladder').textContent = word(state.chosen === null ? 'noLadder' : 'goneLadder');
  $('ladder').hidden = document.querySelector('.lanes').hidden = events.length === 0;
  Ladder.draw($('ladder'), Ladder.rows(events, agentName, queueName), state.drawn || Infinity);
  if (!state.drawn) $('ladder').scrollTop = $('ladder').scrollHeight;
  state.drawn = events.length ? events[events.length - 1].seq : 0;
}

function drawSelf() {
  const { configuration, host } = state;
  const list = [];
  const add = (key, parts) => {
    const told = element('dd');
    for (const part of parts) told.append(part);
    list.push(element('dt', '', word(key)), told);
  };
  const line = (code, after) => {
    const made = element('div');
    made.append(element('code', '', code), ` ${after}`);
    return made;
  };
  if (host.sip.length) add('server', host.sip.map((listener) => line(listener.address, listener.transport.toUpperCase())));
  const agents = Object.entries(configuration.agents);
  // Somebody whose phone is not there yet is the account to take.
  const free = agents.filter(([id]) => !state.live?.agents.find((agent) => agent.id === id)?.registered);
  const domain = configuration.domains[0] || host.sip[0]?.address.replace(/:\d+$/, '') || '';
  const [account] = free.length ? free : agents;
  if (account) add('account', [line(`${account[0]}@${domain}`, account[1].name)]);
  if (account) add('password', [word('passwordHint')]);
  const kinds = { flow: 'toFlow', queue: 'toQueue', agent: 'toAgent' };
  const name = (target) => (target.to === 'queue' ? queueName(target.name) : target.to === 'agent' ? agentName(target.name) : target.name);
  const numbers = Object.entries(configuration.numbers).slice(0, 5).map(([number, target]) => line(number, word(kinds[target.to], { name: name(target) })));
  if (numbers.length) add('dial', numbers);
  $('self').replaceChildren(...list);
}

function tell(error) {
  $('toast').textContent = error.remedy ? `${error.message} – ${error.remedy}` : error.message;
  $('toast').hidden = false;
  clearTimeout(state.toast);
  state.toast = setTimeout(() => { $('toast').hidden = true; }, 6000);
}

/* language, light, clock */
function drawAll() {
  translate();
  $('language').textContent = word('other');
  $('language').lang = Language.now === 'en' ? 'zh-CN' : 'en';
  if (state.linked) link(state.linked);
  if (!state.live) return;
  drawAlarms();
  drawConnectors();
  drawSelf();
  drawLive();
  drawRecords();
  drawPlaying();
  drawLadder();
}
$('language').addEventListener('click', () => {
  Language.toggle();
  drawAll();
  // The host's own words come in the other language with the next look.
  state.figuresAt = 0;
  if (state.live) soon(0);
});

const dark = matchMedia('(prefers-color-scheme: dark)');
function paint() {
  const theme = localStorage.getItem('plugboard.theme') || (dark.matches ? 'dark' : 'light');
  document.documentElement.dataset.theme = theme;
  $('theme').setAttribute('aria-pressed', theme === 'dark');
}
$('theme').addEventListener('click', () => {
  localStorage.setItem('plugboard.theme', document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark');
  paint();
});
dark.addEventListener('change', paint);

setInterval(() => {
  $('clock').textContent = new Date().toLocaleTimeString(Language.now, TIME);
  for (const counting of document.querySelectorAll('[data-since]')) counting.textContent = clock(now() - counting.dataset.since);
}, 1000);

paint();
drawAll();
start().catch((error) => { if (error.status !== 401) { showLogin(); $('refused').textContent = word('unreachable'); } });
