// A dialer: predictive while few calls are abandoned, one call a free agent otherwise.
//
// wit/dialer.wit says what is asked and until when. Numbers only: a dialer has no clock, no network and no memory but its settings. Names are in
// camelCase, a variant is { tag, val }, and a failure is thrown. No promise is run within a question.

const HOUR_MS = 60 * 60 * 1000;
/** Answered calls before which a rate says nothing. */
const FEW = 30;
/** Most calls for each agent who is free, in tenths: a burst is not taken back. */
const MOST_TENTHS = 30;
/** Outcomes: answered, busy, refused. */
const ANSWERED = 0;
const BUSY = 2;
const REFUSED = 4;

/** How often a number is tried: as the schema of the settings has it. */
let tries = 3;

/** Undefined where the setting is wrong. */
function read(settings) {
  const set = settings.find((setting) => setting.name === 'tries')?.value ?? '3';
  const number = /^\d{1,2}$/.test(set) ? Number(set) : 0;
  return number >= 1 && number <= 20 ? number : undefined;
}

const WRONG = '`tries` is no whole number from 1 to 20';

export const dialer = {
  describe() {
    return { name: '@NAME@', wants: [], needs: [], extra: [] };
  },

  check(settings) {
    if (read(settings)) return [];
    const remedy = 'write how often a number is tried in all';
    return [{ severity: 'error', code: 'bad-tries', field: '/tries', message: WRONG, remedy, extra: [] }];
  },

  configure(settings) {
    const set = read(settings);
    if (!set) throw { code: { tag: 'bad-settings' }, message: WRONG, extra: [] };
    tries = set;
  },

  /** Enough that each free agent gets one who answers, less those who are on their way. */
  pace(stats) {
    const wanted = Math.max(0, stats.agentsFree - stats.waiting);
    const isWithin = stats.abandonedTotal * 1000 < stats.abandonLimit * stats.answeredTotal;
    const rate = Math.floor((stats.placedTotal * 10) / Math.max(1, stats.answeredTotal));
    const tenths = stats.answeredTotal < FEW || !isWithin ? 10 : Math.min(Math.max(rate, 10), MOST_TENTHS);
    const calls = Math.max(0, Math.floor((wanted * tenths) / 10) - stats.ringing);
    return { calls: Math.min(calls, stats.linesFree, stats.numbersLeft), extra: [] };
  },

  nextAttempt({ atMs, attempts }) {
    const last = attempts[0]?.outcome;
    // Whoever said no is not asked again.
    if (last === ANSWERED || last === REFUSED || attempts.length >= tries) return { tag: 'never' };
    // Busy is over sooner than nobody at home.
    const wait = last === BUSY ? HOUR_MS / 4 : HOUR_MS * 2 ** Math.min(attempts.length, 5);
    return { tag: 'at', val: Number(atMs) + wait };
  },
};

// Only types: exported so that the component imports nothing.
export const common = {};
