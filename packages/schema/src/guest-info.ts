import { Type } from 'typebox';

import { Timestamp } from './names.ts';

const closed = { additionalProperties: false } as const;

/** The guest's own words, without control characters and cut to a length. Nobody has checked what they say. */
const Told = Type.String({ maxLength: 256 });
const MaybeTold = Type.Union([Told, Type.Null()]);
const MaybeBytes = Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]);

export const GuestOs = Type.Object(
  {
    id: MaybeTold,
    name: MaybeTold,
    prettyName: MaybeTold,
    version: MaybeTold,
    kernel: MaybeTold,
    machine: MaybeTold,
  },
  closed,
);
export type GuestOs = Type.Static<typeof GuestOs>;

export const GuestFileSystem = Type.Object(
  {
    mountpoint: Told,
    device: MaybeTold,
    type: MaybeTold,
    totalBytes: MaybeBytes,
    usedBytes: MaybeBytes,
    freeBytes: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], { description: 'what is left for users other than root' }),
  },
  closed,
);
export type GuestFileSystem = Type.Static<typeof GuestFileSystem>;

export const GuestInterface = Type.Object(
  {
    name: Told,
    mac: MaybeTold,
    addresses: Type.Array(Type.String({ maxLength: 64 }), { maxItems: 32, description: 'IPv4 and IPv6, with the prefix: 10.0.0.2/24' }),
  },
  closed,
);
export type GuestInterface = Type.Static<typeof GuestInterface>;

/** What a guest says of itself. All of it is the guest's own word: show it, but decide nothing by it. */
export const GuestInfo = Type.Object(
  {
    via: Type.Union([Type.Literal('agent'), Type.Literal('serial'), Type.Literal('additions'), Type.Null()], {
      description: 'who answered: the guest agent, the shell on the serial console, VirtualBox Guest Additions, or nobody',
    }),
    osInfo: Type.Union([GuestOs, Type.Null()]),
    hostname: MaybeTold,
    fileSystems: Type.Array(GuestFileSystem, { maxItems: 64 }),
    interfaces: Type.Array(GuestInterface, { maxItems: 32, description: 'without loopback' }),
    users: Type.Array(Told, { maxItems: 64, description: 'who is logged in' }),
    frozen: Type.Union([Type.Boolean(), Type.Null()], { description: 'whether its file systems stand still; null where nobody knows' }),
    observedAt: Timestamp,
  },
  closed,
);
export type GuestInfo = Type.Static<typeof GuestInfo>;

/** What one way into the guest can tell. */
export type GuestFacts = Omit<GuestInfo, 'via' | 'observedAt'>;
