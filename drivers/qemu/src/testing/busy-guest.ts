import assert from 'node:assert/strict';

import type { Driver, DriverContext } from '@nakhoda/driver';

export interface BusyGuest {
  /** Runs a line of shell in the guest; fails when it does. */
  shell(line: string): Promise<string>;
  /** Lets a loop count up, on its disk and in its memory in turn, for ever. */
  count(): Promise<void>;
  /** Stops the counting: what it had reached in memory and on the disk. */
  counted(): Promise<{ memory: number; disk: number }>;
}

/** The tiny guest of a VM, once it answers. */
export async function busyGuest(driver: Driver, ctx: DriverContext, vmid: number): Promise<BusyGuest> {
  const { guest } = driver;
  assert.ok(guest && (await guest.ready(ctx, { vmid, timeoutSeconds: 60 })), 'the guest does not answer');
  const shell = async (line: string): Promise<string> => {
    let output = '';
    const take = (data: Uint8Array): void => void (output += Buffer.from(data).toString());
    const { exitCode } = await guest.exec(ctx, { vmid, argv: ['sh', '-c', line], timeoutSeconds: 30, onStdout: take, onStderr: take });
    assert.equal(exitCode, 0, `${line}: ${output}`);
    return output.trim();
  };
  return {
    shell,
    async count() {
      const loop = 'i=0; while :; do i=$((i+1)); echo $i > /run/count; echo $i > /data/count; sync; done';
      await shell(`sh -c '${loop}' >/dev/null 2>&1 & echo $! > /run/counter`);
    },
    async counted() {
      await shell('kill $(cat /run/counter); sleep 0.2; sync; echo 3 > /proc/sys/vm/drop_caches');
      const [memory, disk] = (await shell('cat /run/count /data/count')).split('\n').map(Number);
      return { memory: memory ?? Number.NaN, disk: disk ?? Number.NaN };
    },
  };
}
