import type { ForeignFacet } from '@nakhoda/driver';

import type { Parts } from '../parts.ts';
import { adopt, forget, keep, survey } from './adopt.ts';
import { release } from './release.ts';
import { asNotAdoptable, giveBack, take } from './take.ts';

/** See `ForeignFacet`. */
export function createForeign(parts: Parts, oneAtATime: (vmid: number, work: () => Promise<void>) => Promise<void>): ForeignFacet {
  return {
    list: async (_ctx, { owner }) => (await survey(parts, owner)).map((machine) => machine.survey),
    keep: (_ctx, { owner, spec }) => asNotAdoptable(() => keep(parts, owner, spec)),
    take: async (_ctx, { directory }) => take(directory, await parts.account.fileOwner()),
    giveBack: (ctx, { directory }) => giveBack(ctx, directory),
    adopt: (ctx, { spec }) => oneAtATime(spec.vmid, () => adopt(parts, ctx, spec)),
    forget: (_ctx, { spec }) => oneAtATime(spec.vmid, () => forget(parts, spec)),
    release: (ctx, { spec }) => oneAtATime(spec.vmid, () => release(parts, ctx, spec)),
  };
}
