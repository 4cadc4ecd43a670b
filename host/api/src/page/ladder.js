// The steps of one call as a ladder: caller, Plugboard, agent.
'use strict';

const Ladder = {
  /** Rows for `events` of one interaction, in order: {seq, at, kind, text, …}, `at` in milliseconds. `name` gives an agent's name, `queue` a queue's. */
  rows(events, name, queue) {
    const role = new Map();
    return events.map((event) => ({ seq: event.seq, at: Date.parse(event.at), ...this.row(event, role, name, queue) }));
  },

  row(event, role, name, queue) {
    const note = (key, values, alert = false) => ({ kind: 'note', alert, text: word(`e.${key}`, values) });
    // Between caller and host is the first gap, between host and agent the second.
    const arrow = (gap, towards, text, ends = false) => ({ kind: 'arrow', gap, towards, text, ends });
    const gapOf = (leg) => (role.get(leg) === 'caller' ? 'first' : 'second');
    const inwards = (gap) => (gap === 'first' ? 'right' : 'left');
    const outwards = (gap) => (gap === 'first' ? 'left' : 'right');
    const gap = gapOf(event.leg);
    switch (event.type) {
      case 'interaction-offered':
        role.set(event.leg, 'caller');
        return arrow('first', 'right', word('e.offered', { to: event.to }));
      case 'leg-dialled':
        role.set(event.leg, event.role);
        return arrow(gapOf(event.leg), outwards(gapOf(event.leg)), word(event.role === 'outside' ? 'e.dialOutside' : 'e.ring', { party: event.agent ? name(event.agent) : event.party }));
      case 'leg-replaced':
        role.set(event.leg, role.get(event.replaced));
        return note('replaced', { agent: name(event.agent) });
      case 'leg-routed': return note('routed', event);
      case 'leg-ringing': return arrow(gap, 'left', word('e.ringing'));
      case 'leg-answered': return arrow(gap, 'left', word(gap === 'first' ? 'e.pickedUp' : 'e.answers'));
      case 'leg-ended': {
        const theirs = event.by === role.get(event.leg);
        return arrow(gap, theirs ? inwards(gap) : outwards(gap), word(theirs ? 'e.hangsUp' : 'e.ended'), true);
      }
      case 'flow-started': return note('flowStarted', event);
      case 'flow-visited': return note(event.exit ? 'visited' : 'at', event);
      case 'flow-ended': return note('flowEnded', event);
      case 'flow-failed': return note('flowFailed', event, true);
      case 'plugin-failed': return note('pluginFailed', event, true);
      case 'prompt-failed': return note('promptFailed', event, true);
      case 'tagged': return note('tagged', event);
      case 'queued': return note('queued', { queue: queue(event.queue), position: event.position });
      case 'left-queue': return note('left', { queue: queue(event.queue), exit: word(`exits.${event.exit}`) });
      case 'reserved': return note('reserved', { agent: name(event.agent), ms: event.since_free_ms });
      case 'released': return note('released', { agent: name(event.agent), reason: word(`reasons.${event.reason}`) }, event.reason === 'missed');
      case 'connected': return { kind: 'both', text: word('e.connected') };
      case 'disconnected': return note('disconnected', { agent: name(event.agent) });
      case 'held': return note('held');
      case 'resumed': return note('resumed');
      case 'consult-started': return note('consult', event);
      case 'consult-ended': return note('consultEnded');
      case 'transferred': return note('transferred', event);
      case 'wrap-up-started': return note('wrapUp', { agent: name(event.agent) });
      case 'wrap-up-ended': return note('wrapUpEnded');
      case 'disposition-set': return note('disposition', event);
      case 'recording-started': return note('recording');
      case 'recording-paused': return note('paused');
      case 'recording-resumed': return note('goesOn');
      case 'recording-closed': return note('recorded', { s: (event.length_ms / 1000).toFixed(1) });
      case 'recording-failed': return note('recordingFailed', event, true);
      case 'interaction-closed': return note('closed');
      case 'interaction-interrupted': return note('interrupted', {}, true);
      default: return null;
    }
  },

  /** Draws `rows` into the list; a row that was not there before comes in softly. */
  draw(list, rows, seen) {
    const start = rows.length ? rows[0].at : 0;
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    list.replaceChildren(...rows.filter((row) => row.kind).map((row) => {
      const item = document.createElement('li');
      if (row.seq > seen) item.className = 'new';
      const at = document.createElement('span');
      at.className = 'at';
      at.textContent = `+${((row.at - start) / 1e3).toFixed(row.at - start < 1e5 ? 2 : 1)} s`;
      const lane = document.createElement('div');
      lane.className = 'lane';
      const mark = document.createElement('div');
      if (row.kind === 'note') {
        mark.className = row.alert ? 'note alert' : 'note';
        mark.textContent = row.text;
        mark.title = row.text;
      } else {
        mark.className = row.kind === 'both' ? 'arrow whole both' : `arrow ${row.gap} ${row.towards}${row.ends ? ' ends' : ''}`;
        const text = document.createElement('span');
        text.textContent = row.text;
        mark.append(text);
      }
      lane.append(mark);
      item.append(at, lane);
      return item;
    }));
    if (atEnd) list.scrollTop = list.scrollHeight;
  },
};
