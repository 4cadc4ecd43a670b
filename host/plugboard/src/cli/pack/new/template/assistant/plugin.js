// An assistant: answers what it knows by a word, and hands over to a human what it does not.
//
// wit/assistant.wit says what is asked and until when. What it says is judged and masked by the host; it can do nothing but what it answers. Names are
// in camelCase, a variant is { tag, val }, and a failure is thrown. No promise is run within a question.

import config from 'plugboard:plugin/config@@CONTRACT@';

/** What is known, one a line: a word of the question, `=`, what is said. */
const ANSWERS = 'answers';
/** Signs of what is said at once: 4 KiB, whatever they are. */
const SAID = 1024;

/** A line's word, in small letters, and what is said; undefined where it has none. */
function known(line) {
  const at = line.indexOf('=');
  const word = line.slice(0, Math.max(at, 0)).trim().toLowerCase();
  const said = line.slice(at + 1).trim();
  return word && said && said.length <= SAID && !/[\u0000-\u001f\u007f-\u009f]/.test(said) ? { word, said } : undefined;
}

/** To the last thing that the customer said. */
function answer({ turns }) {
  const asked = turns.findLast((turn) => turn.speaker === 'customer')?.text.toLowerCase();
  const lines = (config.get(ANSWERS) ?? '').split('\n').map(known);
  return asked === undefined ? undefined : lines.find((line) => line && asked.includes(line.word))?.said;
}

export const assistant = {
  describe() {
    return { name: '@NAME@', replies: true, suggests: true, classifies: false, languages: [], needs: [], extra: [] };
  },

  check(settings) {
    const lines = (settings.find((setting) => setting.name === ANSWERS)?.value ?? '').split('\n');
    const wrong = lines.filter((line) => line.trim() && !known(line));
    const remedy = 'write one a line: hours = We are there from 9 to 18.';
    return wrong.slice(0, 100).map((line) => {
      const message = `${JSON.stringify([...line].slice(0, 80).join(''))} is no word with what is said`;
      return { severity: 'error', code: 'bad-answer', field: '/answers', message, remedy, extra: [] };
    });
  },

  reply(conversation) {
    const said = answer(conversation);
    if (said) return [{ tag: 'say', val: said }];
    return [{ tag: 'hand-over', val: { reason: 'the assistant knows nothing of it' } }];
  },

  suggest(conversation) {
    const text = answer(conversation);
    return text ? [{ text, confidence: 800, extra: [] }] : [];
  },

  /** `describe` says that it does not: it is not asked. */
  classify() {
    return { confidence: 0, sentiment: 0, topics: [], extra: [] };
  },
};

// Only types: exported so that the component imports no more than it asks for.
export const common = {};
