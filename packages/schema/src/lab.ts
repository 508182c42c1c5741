import { Type } from 'typebox';

import { HostCheck, Hypervisor } from './resources.ts';
import { HypervisorId, Timestamp } from './names.ts';

const closed = { additionalProperties: false } as const;

export const Language = Type.Union([Type.Literal('id'), Type.Literal('en')], { description: 'id (Indonesian) or en (English)' });
export type Language = Type.Static<typeof Language>;

/** A piece of evidence: what was done, expected, observed, and the raw output behind it. */
export const Check = Type.Object(
  {
    id: Type.String({ description: 'for example ping.qemu-virtualbox' }),
    hypervisor: Type.Union([HypervisorId, Type.Literal('both')]),
    title: Type.String(),
    expected: Type.String(),
    observed: Type.String(),
    status: Type.Union([Type.Literal('passed'), Type.Literal('failed'), Type.Literal('not-measured')]),
    reason: Type.Optional(Type.String()),
    startedAt: Timestamp,
    seconds: Type.Number({ minimum: 0 }),
    evidence: Type.Record(Type.String(), Type.Unknown(), { description: 'figures by name, commands and raw output' }),
  },
  closed,
);
export type Check = Type.Static<typeof Check>;

/** The host at the time of the experiment. */
export const LabHost = Type.Object({ check: HostCheck, hypervisors: Type.Array(Hypervisor) }, closed);

export const LabReport = Type.Object(
  {
    ok: Type.Boolean({ description: 'true only when every check passed' }),
    nakhoda: Type.String({ description: 'version' }),
    language: Language,
    startedAt: Timestamp,
    endedAt: Timestamp,
    host: LabHost,
    checks: Type.Array(Check),
  },
  closed,
);
export type LabReport = Type.Static<typeof LabReport>;
