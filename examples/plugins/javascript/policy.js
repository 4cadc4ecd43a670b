// Prefers the customer's last agent, else the longest idle: a routing policy of Plugboard in JavaScript.
//
// A world's exports are objects by their interface's name; names are in camelCase, an optional field may be left out, and a failure is
// thrown. No promise is run within a question: answer at once.

/** Number of the attribute in the question's columns; undefined: this host, or this queue, does not give it. */
let lastAgent;

/** All of them, the greatest first; equal ones by number. */
const inOrder = (rows, compare) => ({
  numbers: rows.sort((a, b) => compare(a, b) || a.number - b.number).map((row) => row.number),
  extra: [],
});

export const routing = {
  configure(tables) {
    const place = tables.attributes.indexOf('last-agent');
    lastAgent = place < 0 ? undefined : place;
  },

  rankAgents(who, needs, candidates, columns) {
    const column = columns.find((column) => column.attribute === lastAgent);
    const rows = candidates.map(({ number, idleMs }, row) => ({ number, idleMs, sticks: column?.values[row] === 1 }));
    return inOrder(rows, (a, b) => b.sticks - a.sticks || b.idleMs - a.idleMs);
  },

  /** Highest priority, then longest wait. */
  rankWaiting(agent, waiting, columns) {
    return inOrder([...waiting], (a, b) => b.priority - a.priority || b.waitedMs - a.waitedMs);
  },

  /** The needs stay as they are. */
  onTimer(who, needs) {
    return { needs, extra: [] };
  },
};

// Only types: exported so that the component imports nothing.
export const common = {};
