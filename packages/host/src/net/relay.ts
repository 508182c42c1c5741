import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { PortPair } from './allocate-port-pair.ts';
import { findLink } from './apply-plan.ts';
import type { HelperProgram } from './helper-program.ts';
import { ensureHelper, findHelper, recordedArgv, stopHelper } from './helper-program.ts';
import type { HostContext } from './host-context.ts';
import type { NetworkOwner } from './interface-names.ts';
import { isOurTap } from './interface-ownership.ts';
import { undoContext } from './network-commands.ts';
import type { GuardOutcome } from './relay-guard.ts';
import { ensureGuard, observeGuard, removeGuard } from './relay-guard.ts';
import { ensureTap, removeTap } from './tap.ts';
import { udpPortsOf } from './udp-ports.ts';

/** A VM's UDP tunnel tied to a bridge. */
export interface RelaySpec extends PortPair {
  /** See `tapName`. */
  tap: string;
  bridge: string;
}

export interface RelayPlace {
  /** Absolute; lost on reboot: records of processes, their logs. */
  runtimeDirectory: string;
  owner: NetworkOwner;
}

const relayProgram = fileURLToPath(new URL('./udp-tap-relay.pl', import.meta.url));

/**
 * Ties a VM's UDP tunnel to a bridge, or repairs the tie: TAP, relay process, firewall guard. Does nothing to one
 * that is as it should be. The outcome says whether the guard stands: without it the tunnel works, degraded.
 *
 * @throws NakhodaError `network.bridge-exists`, `network.failed`, `exec.not-found`.
 */
export async function ensureRelay(ctx: HostContext, relay: RelaySpec, place: RelayPlace): Promise<GuardOutcome> {
  const program = relayHelper(ctx, relay, place);
  const former = formerPair(await recordedArgv(program.recordPath));
  if (former && (former.localPort !== relay.localPort || former.peerPort !== relay.peerPort)) {
    await removeGuard(ctx, { owner: place.owner, pair: former });
  }
  const existed = (await findLink(ctx, relay.tap)) !== null;
  await using undo = new AsyncDisposableStack();
  // Of a tie that stood before, a failed repair leaves what is there: above all the guard.
  if (!existed) undo.defer(() => removeGuard(undoContext(ctx), { owner: place.owner, pair: relay }));
  // The guard first: no moment in which the VM's port is open to others.
  const guard = await ensureGuard(ctx, { owner: place.owner, pair: relay });
  await ensureTap(ctx, relay, { owner: place.owner });
  if (!existed) undo.defer(() => removeTap(undoContext(ctx), { tap: relay.tap, owner: place.owner }));
  await ensureHelper(ctx, program);
  undo.move();
  return guard;
}

/** Takes the tie away: process, TAP, guard, files. What is gone already is fine. */
export async function removeRelay(ctx: HostContext, relay: RelaySpec, place: RelayPlace): Promise<void> {
  const program = relayHelper(ctx, relay, place);
  await stopHelper(program);
  await removeTap(ctx, { tap: relay.tap, owner: place.owner });
  await removeGuard(ctx, { owner: place.owner, pair: relay });
}

export interface RelayObservation {
  state: 'up' | 'down' | 'degraded';
  reason?: string;
}

/** How the tie is now. Changes nothing. */
export async function observeRelay(ctx: HostContext, relay: RelaySpec, place: RelayPlace): Promise<RelayObservation> {
  const tap = await findLink(ctx, relay.tap);
  if (!tap || !isOurTap(tap, place.owner)) return { state: 'down', reason: `The TAP ${relay.tap} does not exist.` };
  if (tap.master !== relay.bridge || !tap.up)
    return { state: 'down', reason: `The TAP ${relay.tap} is not a working port of ${relay.bridge}.` };
  if (!(await findHelper(relayHelper(ctx, relay, place)))) {
    return { state: 'down', reason: `The relay between UDP port ${relay.localPort} and ${relay.tap} does not run.` };
  }
  const guard = await observeGuard(ctx, { owner: place.owner, pair: relay });
  return guard.guarded ? { state: 'up' } : { state: 'degraded', reason: guard.reason };
}

function relayHelper(ctx: HostContext, relay: RelaySpec, place: RelayPlace): HelperProgram {
  const base = join(place.runtimeDirectory, `${relay.tap}.relay`);
  return {
    argv: ['perl', relayProgram, relay.tap, String(relay.peerPort), String(relay.localPort)],
    recordPath: `${base}.json`,
    logPath: `${base}.log`,
    ready: async (ref) => (await udpPortsOf(ref.pid)).includes(relay.peerPort) && ((await findLink(ctx, relay.tap))?.carrier ?? false),
  };
}

/** The ports of a recorded command line, whose last two arguments they are. */
function formerPair(argv: readonly string[] | null): PortPair | null {
  const [peerPort, localPort] = argv?.slice(-2).map(Number) ?? [];
  return peerPort === undefined || localPort === undefined ? null : { localPort, peerPort };
}
