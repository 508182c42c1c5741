import { UsageError } from './usage-error.ts';

/**
 * All bytes of a stream, up to its end.
 * @param what how the person knows it, at the beginning of a sentence
 * @throws UsageError when there are more than `limit`
 */
export async function readAtMost(stream: AsyncIterable<Uint8Array | string>, limit: number, what: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of stream) {
    const data = Buffer.from(part);
    size += data.length;
    if (size > limit) throw new UsageError(`${what} has more than ${limit / 1024} KiB.`, 'Send it over the network instead.');
    parts.push(data);
  }
  return Buffer.concat(parts);
}
