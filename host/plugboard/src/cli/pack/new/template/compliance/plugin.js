// A compliance rule: no calls in the called person's night.
//
// wit/compliance.wit says what is judged and when. A rule has no clock: the time of an act stands in it. Names are in camelCase, a variant is
// { tag, val }, and a failure is thrown. No promise is run within a question.

const MINUTE_MS = 60_000;
const DAY_MIN = 24 * 60;

/** First and last hour of the day in which people are called: what the schema has as its defaults. */
let day = { from: 8, until: 21 };

/** The day, or the name of the setting that is wrong. */
function read(settings) {
  const read = { ...{ from: 8, until: 21 } };
  for (const { name, value } of settings) {
    if (!(name in read)) continue;
    if (!/^\d{1,2}$/.test(value) || Number(value) > 24) return { wrong: name };
    read[name] = Number(value);
  }
  return read.from < read.until ? { day: read } : { wrong: 'until' };
}

/** Milliseconds until the day begins where that clock stands; 0: it is day. */
function waitMs({ from, until }, atMs, offsetMin) {
  const minute = Math.floor(atMs / MINUTE_MS) + offsetMin;
  const ofDay = ((minute % DAY_MIN) + DAY_MIN) % DAY_MIN;
  if (ofDay < from * 60) return (from * 60 - ofDay) * MINUTE_MS;
  return ofDay < until * 60 ? 0 : (DAY_MIN - ofDay + from * 60) * MINUTE_MS;
}

const verdict = (decision, code, reason) => ({ decision, code, reason, duties: [], extra: [] });

export const compliance = {
  describe() {
    return { name: '@NAME@', revision: 1, judges: ['dial'], listens: false, reviews: false, redacts: [], needs: [], extra: [] };
  },

  check(settings) {
    const { wrong } = read(settings);
    if (!wrong) return [];
    const message = `\`${wrong}\` is no hour of the day that begins at \`from\``;
    const remedy = 'write whole hours, `from` before `until`, 0 to 24';
    return [{ severity: 'error', code: 'bad-hour', field: `/${wrong}`, message, remedy, extra: [] }];
  },

  configure(settings) {
    const { wrong, day: set } = read(settings);
    if (wrong) throw { code: { tag: 'bad-settings' }, message: wrong, extra: [] };
    day = set;
  },

  judge({ atMs, utcOffsetMin, what }) {
    if (what.tag !== 'dial') return verdict({ tag: 'allow' }, 'not-a-call', '');
    const at = Number(atMs);
    // Where nobody knows what time it is there, the site's own clock counts.
    const wait = waitMs(day, at, what.val.theirOffsetMin ?? utcOffsetMin);
    if (wait === 0) return verdict({ tag: 'allow' }, 'by-day', '');
    return verdict({ tag: 'later', val: at + wait }, 'night', 'it is night where they are');
  },

  // `describe` says that it takes no part in what follows: it is not asked.

  onUtterance: (state) => ({ state, alerts: [], extra: [] }),
  review: () => [],
  redact: () => [],
};

// Only types: exported so that the component imports nothing.
export const common = {};
export const complianceTypes = {};
