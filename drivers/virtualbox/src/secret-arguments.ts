import { rm } from 'node:fs/promises';

import { writeFileAtomic } from '@nakhoda/host';

/**
 * Calls VBoxManage with arguments that other users of the host must not read in the list of processes: a password, or
 * what somebody types. They go into a file that only its owner reads, which VBoxManage takes as `@FILE` ("response
 * file", VirtualBox's manual, chapter VBoxManage), and which is removed afterwards.
 * @param handOver gives the file to whom VBoxManage runs as
 * @param args words without quotes, blanks or backslashes
 */
export async function withSecretArguments<T>(
  path: string,
  args: readonly string[],
  work: (args: readonly string[]) => Promise<T>,
  handOver: (path: string) => Promise<void> = () => Promise.resolve(),
): Promise<T> {
  const odd = args.find((word) => !/^[\w=./:-]+$/.test(word));
  if (odd !== undefined) throw new RangeError('an argument for a response file would have to be quoted');
  try {
    await writeFileAtomic(path, args.join(' '));
    await handOver(path);
    return await work([`@${path}`]);
  } finally {
    await rm(path, { force: true });
  }
}
