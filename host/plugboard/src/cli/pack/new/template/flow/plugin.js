// A flow: greets the caller, who presses 1 to stand in a queue, and says sorry when no agent took them.
//
// wit/flow.wit says all that may happen and all that can be asked for. A flow has no clock and no memory but `state`. Names are in camelCase, a
// variant is { tag, val }, what is optional may be left out, and a failure is thrown. No promise is run within a question.

// As the schema of the settings has it.
const GREETING = 'Welcome. Press 1 to talk to us.';
const SORRY = 'Nobody can help you now. Please call again.';

/** @type {{ queue: string, greeting: string } | undefined} */
let settings;

/** Where the flow waits. Its number is the whole state; `revision` goes up when an old number means something else. */
const MENU = 1;
/** The menu once more: nothing, or another key, was pressed. */
const AGAIN = 2;
const QUEUE = 3;
const SORRY_IS_SAID = 4;
const OVER = 5;
const NAMES = { [MENU]: 'menu', [AGAIN]: 'again', [QUEUE]: 'queue', [SORRY_IS_SAID]: 'sorry', [OVER]: 'over' };

/** Of the action whose end moves the flow on: unique in the interaction and rising. */
const tokenOf = (place) => place * 10;
const action = (token, tag, val) => ({ token, what: { tag, val }, extra: [] });

/** In English, since the texts are; a prompt file is { tag: 'file', val }. */
const prompt = (text) => ({ sources: [{ tag: 'text', val: text }], language: 'en', bargeIn: true });

const menu = (place) =>
  action(tokenOf(place), 'gather', {
    prompt: prompt(settings.greeting),
    maxDigits: 1,
    firstMs: 5000,
    betweenMs: 3000,
    terminators: '',
    secret: false,
  });

const wait = () =>
  action(tokenOf(QUEUE), 'enqueue', { queue: settings.queue, priority: 0, skills: [], exitKeys: '' });

/** The flow goes on: the visit that ended with its exit, then the one that begins. */
const moved = (left, exit, to, actions) => ({
  state: Uint8Array.of(to),
  actions,
  trail: [
    ...(left === undefined ? [] : [{ node: NAMES[left], exit }]),
    ...(to === OVER ? [] : [{ node: NAMES[to] }]),
  ],
  extra: [],
});

const sorry = (here, exit) =>
  moved(here, exit, SORRY_IS_SAID, [action(tokenOf(SORRY_IS_SAID), 'play', prompt(SORRY))]);

const failure = (tag, message) => ({ code: { tag }, message, extra: [] });

/** Undefined where no queue is named. */
function read(given) {
  const value = (name) => given.find((setting) => setting.name === name)?.value;
  const queue = value('queue');
  return queue ? { queue, greeting: value('greeting') ?? GREETING } : undefined;
}

export const flow = {
  describe() {
    return { name: '@NAME@', revision: 1, needs: [], nodes: [], extra: [] };
  },

  check(given) {
    if (read(given)) return [];
    const message = 'no queue is named';
    const remedy = "set `queue` to one of the tenant's queues";
    return [{ severity: 'error', code: 'missing-queue', field: '/queue', message, remedy, extra: [] }];
  },

  references(given) {
    const known = read(given);
    return known ? [{ kind: { tag: 'queue' }, name: known.queue, field: '/queue' }] : [];
  },

  configure(given) {
    settings = read(given);
    if (!settings) throw failure('bad-settings', 'no queue is named');
  },

  step(state, event) {
    const { tag, val } = event.what;
    if (tag === 'started') return moved(undefined, undefined, MENU, [action(1, 'pick-up'), menu(MENU)]);
    const here = state.length === 1 ? state[0] : 0;
    if (!(here in NAMES)) throw failure('bad-state', 'not a state of this flow');
    if (tag === 'hung-up' && here !== OVER) return moved(here, 'hung-up', OVER, []);
    if (event.answers === tokenOf(here)) {
      const gaveUp = tag === 'queue' && val.tag === 'gave-up';
      if (here === MENU || here === AGAIN) {
        if (tag === 'gathered' && val.digits === '1') return moved(here, 'one', QUEUE, [wait()]);
        if (tag === 'gathered' && here === MENU) return moved(here, 'other', AGAIN, [menu(AGAIN)]);
        if (tag === 'gathered') return sorry(here, 'other');
        // A menu that cannot be played costs nobody a call.
        if (tag === 'refused') return moved(here, 'refused', QUEUE, [wait()]);
      } else if (here === QUEUE) {
        if (tag === 'queue' && val.tag === 'connected') return moved(here, 'connected', OVER, []);
        if (gaveUp || tag === 'refused') return sorry(here, 'gave-up');
      } else if (here === SORRY_IS_SAID && (tag === 'played' || tag === 'refused')) {
        return moved(here, 'done', OVER, [action(tokenOf(OVER), 'hang-up', 16)]);
      }
    }
    // News of the wait, keys that nobody asked for, and what later hosts may tell.
    return { state, actions: [], trail: [], extra: [] };
  },
};

// Only types: exported so that the component imports nothing.
export const common = {};
export const flowTypes = {};
