import type { Hypervisor } from '@nakhoda/schema';

import type { Draft } from './draft.ts';

/** What is wrong with a field of a draft, beside what the endpoint's schema says of it. */
export type DraftProblem =
  | { readonly kind: 'needed' | 'network-for-boot' | 'secure-boot' | 'balloon' | 'memory-max' }
  | { readonly kind: 'unusable'; readonly reason: string }
  | { readonly kind: 'cores'; readonly most: number }
  | { readonly kind: 'memory'; readonly least: number; readonly most: number };

/** By field: what this hypervisor will not give, and what does not go together. Pure. The daemon has the last word. */
export function draftProblems(draft: Draft, hypervisor: Hypervisor | undefined): Partial<Record<keyof Draft, DraftProblem>> {
  const found: Partial<Record<keyof Draft, DraftProblem>> = {};
  for (const field of ['cores', 'memoryMiB', 'diskGiB'] as const) if (draft[field] === null) found[field] = { kind: 'needed' };
  if (draft.media === 'volume' && draft.volume.trim() === '') found.volume = { kind: 'needed' };
  if (draft.media === 'network' && draft.network === '') found.network = { kind: 'network-for-boot' };
  const memory = draft.memoryMiB ?? 0;
  const offers = (field: string) => hypervisor === undefined || hypervisor.capabilities.hardware.fields.includes(field);
  if (draft.secureBoot && draft.firmware !== 'uefi' && offers('secureBoot')) found.secureBoot = { kind: 'secure-boot' };
  if ((draft.balloonMiB ?? 0) > memory && offers('balloonMiB')) found.balloonMiB = { kind: 'balloon' };
  const most = draft.memoryMaxMiB ?? 0;
  if (most !== 0 && most < memory && offers('memoryMaxMiB')) found.memoryMaxMiB = { kind: 'memory-max' };
  if (hypervisor === undefined) return found;
  const { maxCores, minMemoryMiB, maxMemoryMiB, hardware } = hypervisor.capabilities;
  if (!hypervisor.usable) found.hypervisor = { kind: 'unusable', reason: hypervisor.reasons.join(' ') };
  // Sockets that are not offered are not asked for either.
  const sockets = hardware.maxSockets > 1 ? (draft.sockets ?? 1) : 1;
  if (draft.cores !== null && draft.cores * sockets > maxCores) found.cores = { kind: 'cores', most: maxCores };
  if (draft.memoryMiB !== null && (memory < minMemoryMiB || memory > maxMemoryMiB))
    found.memoryMiB = { kind: 'memory', least: minMemoryMiB, most: maxMemoryMiB };
  return found;
}
