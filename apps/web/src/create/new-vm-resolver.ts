import { i18n } from '@lingui/core';
import { msg } from '@lingui/core/macro';
import type { Hypervisor } from '@nakhoda/schema';
import type { FieldErrors, FieldValues, Resolver } from 'react-hook-form';

import { schemaResolver } from '../data/schema-resolver.ts';
import { bodyOf, type Draft } from './draft.ts';

const bySchema = schemaResolver<FieldValues>('vm.create');

/**
 * Checks a draft as the daemon will: the request that it stands for with the endpoint's schema, then what the chosen hypervisor can
 * give. `find` is asked at every check, since hypervisors change while somebody types.
 */
export function newVmResolver(find: (id: string) => Hypervisor | undefined): Resolver<Draft> {
  return async (draft, context, options) => {
    const hypervisor = find(draft.hypervisor);
    const body = bodyOf(draft, hypervisor);
    const { errors } = await bySchema(body, context, options as never);
    const found: Record<string, unknown> = { ...errors };
    const { cdrom, ...others } = found;
    const all = { ...limitErrors(draft, hypervisor), ...others, ...(cdrom === undefined ? {} : { volume: cdrom }) };
    if (Object.keys(all).length === 0) return { values: draft, errors: {} };
    return { values: {}, errors: all as FieldErrors<Draft> };
  };
}

function limitErrors(draft: Draft, hypervisor: Hypervisor | undefined): Record<string, { type: string; message: string }> {
  const errors: Record<string, { type: string; message: string }> = {};
  const refuse = (field: keyof Draft, message: string) => (errors[field] = { type: 'limit', message });
  const needed = i18n._(msg`This is needed.`);
  for (const field of ['cores', 'memoryMiB', 'diskGiB'] as const) if (draft[field] === null) refuse(field, needed);
  if (draft.media === 'volume' && draft.volume.trim() === '') refuse('volume', needed);
  if (draft.media === 'network' && draft.network === '') refuse('network', i18n._(msg`A VM that boots from the network needs one.`));
  if (draft.secureBoot && draft.firmware !== 'uefi')
    refuse('secureBoot', i18n._(msg`Secure boot is a matter of UEFI: choose that firmware.`));
  const memory = draft.memoryMiB ?? 0;
  if ((draft.balloonMiB ?? 0) > memory) refuse('balloonMiB', i18n._(msg`It cannot be shrunk to more than its memory.`));
  if ((draft.memoryMaxMiB ?? 0) !== 0 && (draft.memoryMaxMiB ?? 0) < memory)
    refuse('memoryMaxMiB', i18n._(msg`This is less than it is started with; leave it empty, or raise it.`));
  if (hypervisor === undefined) return errors;
  const { maxCores, minMemoryMiB, maxMemoryMiB } = hypervisor.capabilities;
  if (!hypervisor.usable) refuse('hypervisor', hypervisor.reasons.join(' ') || i18n._(msg`It is not usable on this host.`));
  if ((draft.cores ?? 0) * (draft.sockets ?? 1) > maxCores)
    refuse('cores', i18n._(msg`This hypervisor gives a VM at most ${maxCores} processors here.`));
  if (memory !== 0 && (memory < minMemoryMiB || memory > maxMemoryMiB))
    refuse('memoryMiB', i18n._(msg`This hypervisor gives a VM ${minMemoryMiB} to ${maxMemoryMiB} MiB here.`));
  return errors;
}
