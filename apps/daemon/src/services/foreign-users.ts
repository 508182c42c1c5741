import type { ForeignOwner } from '@nakhoda/driver';
import { exec } from '@nakhoda/host';
import { type ForeignUser, NakhodaError } from '@nakhoda/schema';
import type { Store } from '@nakhoda/store';

const prefix = 'foreign-users/';

/** The local users whose VMs the administrator wants to see, by name. */
export async function foreignUsers(store: Store): Promise<ForeignUser[]> {
  return (await store.list(prefix)).map(({ value }) => value as ForeignUser);
}

/** @throws NakhodaError `foreign.user-not-found` when it is not among them */
export async function needForeignUser(store: Store, user: string): Promise<ForeignUser> {
  const entry = await store.get(prefix + user);
  if (entry) return entry.value as ForeignUser;
  throw new NakhodaError('foreign.user-not-found', {
    message: `${user} is not among the users whose VMs are looked at.`,
    hint: `Name that user first: nakhoda foreign users add ${user}`,
  });
}

/** Names a user, or another folder for one. @throws NakhodaError `foreign.user-not-found` when the host has no such user */
export async function addForeignUser(store: Store, wanted: ForeignUser): Promise<ForeignUser> {
  await ownerOf(wanted);
  await store.put(prefix + wanted.user, wanted);
  return wanted;
}

/** @throws NakhodaError `foreign.user-not-found` */
export async function removeForeignUser(store: Store, user: string): Promise<ForeignUser> {
  const found = await needForeignUser(store, user);
  await store.delete(prefix + user);
  return found;
}

/** The user as the host knows it. @throws NakhodaError `foreign.user-not-found` */
export async function ownerOf({ user, settings }: ForeignUser): Promise<ForeignOwner> {
  const { stdout } = await exec(['getent', 'passwd', user], { timeoutMs: 10_000, okExitCodes: [0, 2] });
  const [name, , uid, gid, , home] = stdout.trim().split(':');
  if (name === user && uid !== undefined && gid !== undefined && home !== undefined)
    return { user, uid: Number(uid), gid: Number(gid), home, settings };
  throw new NakhodaError('foreign.user-not-found', {
    message: `This host has no user called ${user}.`,
    hint: 'Give the name of a local user: getent passwd',
  });
}
