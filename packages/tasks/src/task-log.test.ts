import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { createMemoryTaskStore } from './memory-task-store.ts';
import { createTaskLog, cutLine, maxLineBytes, maxLines } from './task-log.ts';
import { sampleRecord } from './testing/sample-record.ts';

function openLog() {
  const store = createMemoryTaskStore();
  store.insert(sampleRecord({ id: 't1' }));
  const open = () => createTaskLog('t1', { store, now: () => '2026-01-01T00:00:00.000Z' });
  return { open, lines: () => store.log('t1', 0).map(({ seq, line }) => `${seq} ${line}`) };
}

describe('task log', () => {
  it('numbers lines, splits text into them, and goes on counting after a restart', () => {
    const { open, lines } = openLog();
    const log = open();
    log('one\n');
    log('two\r\nthree');
    log('');
    open()('five');
    assert.deepEqual(lines(), ['1 one', '2 two', '3 three', '4 ', '5 five']);
  });

  it('takes the power over terminals from what guests say', () => {
    const { open, lines } = openLog();
    open()('\u001B[2Jgone\u0007\tstays\u009B');
    assert.deepEqual(lines(), ['1 \uFFFD[2Jgone\uFFFD\tstays\uFFFD']);
  });

  it('cuts long lines between characters', () => {
    const fits = 'é'.repeat(maxLineBytes / 2);
    assert.equal(cutLine(fits), fits);
    for (const long of [`${fits}!`, '€'.repeat(2000), `x${'😀'.repeat(2000)}`]) {
      const cut = cutLine(long);
      assert.ok(Buffer.byteLength(cut) <= maxLineBytes);
      assert.ok(Buffer.byteLength(cut) > maxLineBytes - 4);
      assert.match(cut, / … \(cut\)$/u);
      assert.ok(long.startsWith(cut.slice(0, -' … (cut)'.length)));
    }
  });

  it('stops after its number of lines, with a note, also when it is opened again', () => {
    const { open, lines } = openLog();
    const log = open();
    for (let line = 1; line <= maxLines + 5; line += 1) log(`line ${line}`);
    open()('later');
    assert.equal(lines().length, maxLines + 1);
    assert.equal(lines().at(-2), `${maxLines} line ${maxLines}`);
    assert.match(lines().at(-1) ?? '', /^2001 The log has reached 2000 lines/u);
  });
});
