import { i18n } from '@lingui/core';
import { msg } from '@lingui/core/macro';
import type { Hypervisor } from '@nakhoda/schema';
import type { FieldErrors, FieldValues, Resolver } from 'react-hook-form';

import { schemaResolver } from '../data/schema-resolver.ts';
import { draftProblems, type DraftProblem } from './draft-problems.ts';
import { bodyOf, type Draft } from './draft.ts';

const bySchema = schemaResolver<FieldValues>('vm.create');

/**
 * Checks a draft as the daemon will: the request that it stands for with the endpoint's schema, then what the chosen hypervisor can
 * give. `find` is asked at every check, since hypervisors change while somebody types.
 */
export function newVmResolver(find: (id: string) => Hypervisor | undefined): Resolver<Draft> {
  return async (draft, context, options) => {
    const hypervisor = find(draft.hypervisor);
    const { errors } = await bySchema({ ...bodyOf(draft, hypervisor) }, context, options as never);
    const { cdrom, ...others } = errors;
    const problems = Object.entries(draftProblems(draft, hypervisor)).map(([field, problem]) => [
      field,
      { type: problem.kind, message: wordsOf(problem) },
    ]);
    const all = { ...Object.fromEntries(problems), ...others, ...(cdrom === undefined ? {} : { volume: cdrom }) };
    if (Object.keys(all).length === 0) return { values: draft, errors: {} };
    return { values: {}, errors: all as FieldErrors<Draft> };
  };
}

function wordsOf(problem: DraftProblem): string {
  switch (problem.kind) {
    case 'needed':
      return i18n._(msg`This is needed.`);
    case 'network-for-boot':
      return i18n._(msg`A VM that boots from the network needs one.`);
    case 'secure-boot':
      return i18n._(msg`Secure boot is a matter of UEFI: choose that firmware.`);
    case 'balloon':
      return i18n._(msg`It cannot be shrunk to more than its memory.`);
    case 'memory-max':
      return i18n._(msg`This is less than it is started with; leave it empty, or raise it.`);
    case 'unusable':
      return problem.reason || i18n._(msg`It is not usable on this host.`);
    case 'cores': {
      const { most } = problem;
      return i18n._(msg`This hypervisor gives a VM at most ${most} processors here.`);
    }
    case 'memory': {
      const { least, most } = problem;
      return i18n._(msg`This hypervisor gives a VM ${least} to ${most} MiB here.`);
    }
  }
}
