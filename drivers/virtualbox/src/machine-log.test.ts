import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { emptyMachineLog, MachineLogReader, readLogLine } from './machine-log.ts';
import type { MachineLogSum } from './machine-log.ts';

const fixturePath = (name: string): string => new URL(`./fixtures/${name}`, import.meta.url).pathname;
const readAll = (text: string): MachineLogSum => text.split('\n').reduce(readLogLine, emptyMachineLog);
const fixture = (name: string): MachineLogSum => readAll(readFileSync(fixturePath(name), 'utf8'));

test('a run is told by its process and its last state', () => {
  const log = fixture('VBox-run.log');
  assert.equal(log.pid, 17022);
  assert.equal(log.state, 'PoweredOff');
  assert.equal(log.powerUpFailure, null);
  assert.equal(fixture('VBox-restored.log').pid, 17244);
});

test("a failed start is told in the console object's words, over several lines, and not in those of every run", () => {
  const { powerUpFailure } = fixture('VBox-failed-start.log');
  assert.equal(
    powerUpFailure,
    'UDPTunnel: Failed to start the UDP tunnel server (VERR_PDM_HIF_OPEN_FAILED). Failed to attach the network LUN (VERR_PDM_HIF_OPEN_FAILED)',
  );
});

test('a failed start without words is told by its codes', () => {
  const line = '00:00:00.763497 Power up failed (vrc=VINF_SUCCESS, hrc=NS_ERROR_FAILURE (0X80004005))';
  assert.equal(readAll(line).powerUpFailure, 'vrc=VINF_SUCCESS, hrc=NS_ERROR_FAILURE (0X80004005)');
});

test('words without an end do not swallow the rest of the log', () => {
  const endless = [
    '00:00:01.000000 ERROR [COM]: aRC=E_FAIL (0x1) aIID={x} aComponent={ConsoleWrap} aText={never ends',
    ...Array(30).fill('00:00:02.000000 more'),
  ];
  assert.equal(readAll([...endless, "00:00:03.000000 Console: Machine state changed to 'Running'"].join('\n')).state, 'Running');
});

test('runtime errors are kept', () => {
  const line =
    '00:00:00.970068 Console: VM runtime error: fatal=false, errorID=DvdOrFloppyImageInaccessible message="The image file \'/srv/gone.iso\' is inaccessible and is being ignored. Please select a different image file for the virtual DVD drive."';
  assert.match(readAll(line).trouble ?? '', /gone\.iso' is inaccessible/);
});

test('a full storage is told in the words that a QEMU VM has, until the guest goes on', () => {
  // VirtualBox 7.2.22, a VDI image on an ext4 file system that was full.
  const full = `00:00:37.584042 VD#1: Host disk full
00:00:37.584092 VM: Raising runtime error 'DrvVD_DISKFULL' (fFlags=0x6)
00:00:37.591516 Console: Machine state changed to 'Paused'
00:00:37.595748 Console: VM runtime error: fatal=false, errorID=DrvVD_DISKFULL message="Host system reported disk full. VM execution is suspended. You can resume after freeing some space"`;
  const { state, trouble } = readAll(full);
  assert.equal(state, 'Paused');
  assert.match(trouble ?? '', /^There is no room for what the guest writes .*storage is full.*resume it\.$/u);
  assert.equal(readAll(`${full}\n00:00:40.000000 Console: Machine state changed to 'Running'`).trouble, null);
});

test('the reader follows a log as it grows, line by line, and begins anew with a new one', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'nk-log-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'VBox.log');
  const reader = new MachineLogReader();
  assert.deepEqual(await reader.read(path), emptyMachineLog);

  const whole = await readFile(fixturePath('VBox-run.log'), 'utf8');
  const middle = whole.indexOf("to 'Running'") + 6;
  await writeFile(path, whole.slice(0, middle));
  assert.equal((await reader.read(path)).state, 'Starting');
  await appendFile(path, whole.slice(middle, middle + 20));
  assert.equal((await reader.read(path)).state, 'Running');
  await appendFile(path, whole.slice(middle + 20));
  assert.equal((await reader.read(path)).state, 'PoweredOff');
  assert.equal((await reader.read(path)).pid, 17022);

  await rm(path);
  assert.deepEqual(await reader.read(path), emptyMachineLog);
  await writeFile(path, await readFile(fixturePath('VBox-restored.log')));
  assert.equal((await reader.read(path)).pid, 17244);
});
