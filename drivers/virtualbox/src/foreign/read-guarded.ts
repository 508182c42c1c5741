import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { dirname, isAbsolute, normalize } from 'node:path';

/** Why something of a user's cannot be used: one sentence for people. Never has a file's content in it. */
export class ForeignProblem extends Error {}

/** A file as it was found: which one it is, and whose. */
export interface FileFacts {
  device: string;
  inode: string;
  uid: number;
  gid: number;
  mode: number;
  size: number;
  modifiedAt: number;
  links: number;
}

/**
 * Opens a regular file of somebody else's without being led astray: no symbolic link on the way, no pipe that blocks, no
 * device. `use` gets the open file.
 * @throws ForeignProblem
 */
export async function withForeignFile<T>(
  path: string,
  use: (file: Awaited<ReturnType<typeof open>>, facts: FileFacts) => Promise<T>,
): Promise<T> {
  if (!isAbsolute(path) || normalize(path) !== path || /\p{Cc}/u.test(path))
    throw new ForeignProblem(`${shown(path)} is no plain absolute path.`);
  const folder = await realpath(dirname(path)).catch((error: unknown) => {
    throw new ForeignProblem(`${shown(path)} cannot be reached: ${codeOf(error)}.`);
  });
  if (folder !== dirname(path)) throw new ForeignProblem(`${shown(path)} is reached by a symbolic link.`);
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags).catch((error: unknown) => {
    const code = codeOf(error);
    throw new ForeignProblem(
      code === 'ENOENT'
        ? `${shown(path)} is not there.`
        : code === 'ELOOP'
          ? `${shown(path)} is a symbolic link.`
          : `${shown(path)} cannot be read: ${code}.`,
    );
  });
  try {
    const stat = await file.stat({ bigint: true });
    if (!stat.isFile()) throw new ForeignProblem(`${shown(path)} is no regular file.`);
    return await use(file, {
      device: String(stat.dev),
      inode: String(stat.ino),
      uid: Number(stat.uid),
      gid: Number(stat.gid),
      mode: Number(stat.mode) & 0o7777,
      size: Number(stat.size),
      modifiedAt: Number(stat.mtimeNs) / 1e9,
      links: Number(stat.nlink),
    });
  } finally {
    await file.close();
  }
}

/** The bytes of such a file that belongs to that user and is no larger than `mostBytes`. @throws ForeignProblem */
export function readGuarded(path: string, options: { uid: number; mostBytes: number }): Promise<{ content: Buffer; facts: FileFacts }> {
  return withForeignFile(path, async (file, facts) => {
    if (facts.uid !== options.uid) throw new ForeignProblem(`${shown(path)} belongs to another user.`);
    if (facts.size > options.mostBytes) throw new ForeignProblem(`${shown(path)} is larger than ${options.mostBytes} bytes.`);
    // It may grow while it is read.
    const content = Buffer.alloc(facts.size + 1);
    let length = 0;
    while (length < content.length) {
      const { bytesRead } = await file.read(content, length, content.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    if (length > facts.size) throw new ForeignProblem(`${shown(path)} is being written.`);
    return { content: content.subarray(0, length), facts };
  });
}

/** The first bytes of such a file; fewer where it is shorter. @throws ForeignProblem */
export function readHead(path: string, options: { uid: number; bytes: number }): Promise<Buffer> {
  return withForeignFile(path, async (file, facts) => {
    if (facts.uid !== options.uid) throw new ForeignProblem(`${shown(path)} belongs to another user.`);
    const head = Buffer.alloc(options.bytes);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    return head.subarray(0, bytesRead);
  });
}

/** Text of XML that is safe to be parsed: no document type, which could make it grow without limit. @throws ForeignProblem */
export function safeXml(path: string, content: Buffer): string {
  const text = content.toString('utf8');
  if (!/^\uFEFF?\s*</u.test(text) || /<!(DOCTYPE|ENTITY)/iu.test(text))
    throw new ForeignProblem(`${shown(path)} is no settings file of VirtualBox.`);
  return text;
}

/** A path in a message: visible whatever is in it, and not endless. */
export function shown(path: string): string {
  return /^[\w/ .{}:@+-]{1,200}$/u.test(path) ? path : JSON.stringify(path.slice(0, 200));
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown error';
}
