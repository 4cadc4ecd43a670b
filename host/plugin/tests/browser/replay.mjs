// Plays scripts.json through flow-graph as jco has made it for a browser, and tells the hash of all that it answered.
// node replay.mjs FOLDER
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const folder = process.argv[2];
const hash = createHash('sha256');
let steps = 0;
for (const [number, { document, scripts }] of JSON.parse(readFileSync(join(folder, 'scripts.json'), 'utf8')).entries()) {
  // Another address is another instance.
  const { flow } = await import(`${pathToFileURL(join(folder, 'flow-graph.js'))}?${number}`);
  flow.configure([{ name: 'document', value: document }]);
  for (const script of scripts) {
    let state = new Uint8Array();
    for (const event of script) {
      event.atMs = BigInt(event.atMs);
      event.answers ??= undefined;
      steps += 1;
      try {
        const stepped = flow.step(state, event);
        state = stepped.state;
        const trail = stepped.trail.map(({ node, exit }) => `${node}>${exit ?? ''}`).join(' ');
        const actions = stepped.actions.map(({ token, what }) => `${token} ${what.tag}`).join(', ');
        hash.update(`${Buffer.from(state).toString('hex')} | ${trail} | ${actions}\n`);
      } catch (error) {
        if (!error.payload) throw error;
        hash.update(`failure: ${error.payload.message}\n`);
      }
    }
  }
}
console.log(`${steps} steps ${hash.digest('hex')}`);
