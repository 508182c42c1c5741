import { randomBytes } from 'node:crypto';

import { waitFor } from '@nakhoda/host';

import type { LabGuest } from './lab-guest.ts';
import { type LoadResult, parseLoad, parsePing, parseSha256, parseUptime } from './parse.ts';

/** What a check found: whether it is what was expected, and the figures behind it. */
export interface Finding {
  passed: boolean;
  reason?: string;
  evidence: Record<string, unknown>;
}

const pings = 4;
/** Bytes that a transfer moves. Small, because VirtualBox's interpreter also has to hash them twice. */
const transferBytes = 2 * 1024 * 1024;

/** The guest itself must have the address that the daemon knows. A slow one takes a while to set what the lease gives it. */
export async function checkOwnAddress(guest: LabGuest, address: string, signal: AbortSignal): Promise<Finding> {
  const argv = ['ip', '-4', 'addr', 'show', 'eth0'];
  let output = '';
  const same = await waitFor(
    async () => {
      output = (await guest.ask(argv)).trim();
      return output.includes(`inet ${address}/`);
    },
    { timeoutMs: 30_000, pollMs: 500, signal },
  );
  const evidence = { address, command: argv.join(' '), output };
  return same ? { passed: true, evidence } : { passed: false, reason: 'The guest itself has another address.', evidence };
}

/** `from` pings the address of `to`: every packet must be answered. */
export async function checkPing(from: LabGuest, address: string): Promise<Finding> {
  const answer = await from.run(['ping', '-c', String(pings), '-W', '3', address], 60);
  const result = parsePing(answer.stdout);
  const evidence = { command: answer.argv.join(' '), output: answer.stdout + answer.stderr, address, ...result };
  if (!result) return { passed: false, reason: 'ping printed nothing that could be read.', evidence };
  return result.received === result.sent
    ? { passed: true, evidence }
    : { passed: false, reason: `${result.sent - result.received} of ${result.sent} packets were not answered.`, evidence };
}

/** `from` serves a file of random bytes over HTTP and `to` fetches it: the hashes on both sides must be equal. */
export async function checkTransfer(from: LabGuest, to: LabGuest, addressOfFrom: string): Promise<Finding> {
  const name = `payload-${randomBytes(4).toString('hex')}`;
  const source = `/data/www/${name}`;
  const target = `/data/${name}`;
  await from.ask(['dd', 'if=/dev/urandom', `of=${source}`, 'bs=65536', `count=${transferBytes / 65536}`], 120);
  try {
    const sent = parseSha256(await from.ask(['sha256sum', source], 120));
    const before = parseUptime(await to.ask(['cat', '/proc/uptime']));
    const fetched = await to.run(
      ['sh', '-c', 'wget -q -O "$1" "$2" && cat /proc/uptime', 'sh', target, `http://${addressOfFrom}/${name}`],
      180,
    );
    const after = parseUptime(fetched.stdout);
    const received = fetched.exitCode === 0 ? parseSha256(await to.ask(['sha256sum', target], 120)) : null;
    const bytes = fetched.exitCode === 0 ? Number(await to.ask(['stat', '-c', '%s', target])) : 0;
    const seconds = before !== null && after !== null ? after - before : null;
    const evidence = {
      command: `wget http://${addressOfFrom}/${name}`,
      bytes,
      expectedBytes: transferBytes,
      sha256Sent: sent,
      sha256Received: received,
      transferSeconds: seconds,
      megabytesPerSecond: seconds === null || seconds <= 0 ? null : bytes / 1e6 / seconds,
      output: fetched.stderr,
    };
    if (fetched.exitCode !== 0)
      return { passed: false, reason: `wget ended with exit code ${fetched.exitCode}: ${fetched.stderr.trim()}`, evidence };
    const equal = sent !== null && sent === received && bytes === transferBytes;
    return equal ? { passed: true, evidence } : { passed: false, reason: 'What arrived is not what was sent.', evidence };
  } finally {
    await from.run(['rm', '-f', source]);
    await to.run(['rm', '-f', target]);
  }
}

/** What stood in the guest before the snapshot; the proof after the rollback compares with it. */
export interface Marker {
  sha256: string;
  /** Of the guest's present boot: the same after the rollback only when its memory came back too. */
  bootId: string;
}

const markerPath = '/data/marker.txt';
const memoryMarkerPath = '/run/nakhoda-marker';
const changedFolder = '/data/uji rollback';

/** Writes the marker on the disk and one in memory, before the snapshot. */
export async function writeMarker(guest: LabGuest): Promise<Marker> {
  const text = `Nakhoda marker ${randomBytes(16).toString('hex')}`;
  await guest.ask(['sh', '-c', 'echo "$1" > "$2" && echo before > "$3" && sync', 'sh', text, markerPath, memoryMarkerPath]);
  const sha256 = parseSha256(await guest.ask(['sha256sum', markerPath])) ?? '';
  const bootId = (await guest.ask(['cat', '/proc/sys/kernel/random/boot_id'])).trim();
  return { sha256, bootId };
}

/** The change that the rollback has to take back: the report's folder `uji rollback` with `test.txt` in it. */
export async function changeGuest(guest: LabGuest): Promise<string> {
  await guest.ask(['mkdir', '-p', changedFolder]);
  await guest.ask([
    'sh',
    '-c',
    'echo "written after the snapshot" > "$1/test.txt" && echo after > "$2" && sync',
    'sh',
    changedFolder,
    memoryMarkerPath,
  ]);
  return guest.ask(['ls', '-l', changedFolder]);
}

/** The proof after the rollback: folder gone, marker unchanged, memory that of the snapshot. */
export async function proveRollback(guest: LabGuest, marker: Marker): Promise<Finding> {
  const listing = await guest.run(['ls', '-l', '/data']);
  const folder = await guest.run(['ls', '-d', changedFolder]);
  const sha256 = parseSha256((await guest.run(['sha256sum', markerPath])).stdout);
  const bootId = (await guest.run(['cat', '/proc/sys/kernel/random/boot_id'])).stdout.trim();
  const memory = (await guest.run(['cat', memoryMarkerPath])).stdout.trim();
  const evidence = {
    folder: changedFolder,
    folderGone: folder.exitCode !== 0,
    markerSha256Before: marker.sha256,
    markerSha256After: sha256,
    memoryMarker: memory,
    sameBoot: bootId === marker.bootId,
    command: 'ls -l /data',
    output: listing.stdout + folder.stderr,
  };
  const faults = [
    folder.exitCode === 0 ? `The folder "${changedFolder}" is still there.` : '',
    sha256 === marker.sha256 && sha256 !== '' ? '' : "The marker's hash is not the one before the snapshot.",
    memory === 'before' && bootId === marker.bootId ? '' : "The guest's memory is not that of the snapshot.",
  ].filter((fault) => fault !== '');
  return faults.length === 0 ? { passed: true, evidence } : { passed: false, reason: faults.join(' '), evidence };
}

/** Lets a guest work for some seconds; more than no work must have been done. */
export async function runLoad(guest: LabGuest, seconds: number): Promise<LoadResult | null> {
  return parseLoad(await guest.ask(['nakhoda-load', String(seconds)], seconds * 4 + 60));
}
