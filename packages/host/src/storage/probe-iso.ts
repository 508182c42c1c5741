import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

import { NakhodaError } from '@nakhoda/schema';

/** What an optical disc's image turned out to be. */
export interface IsoProbe {
  format: 'iso9660' | 'udf';
  /** It has an El Torito boot catalogue, from which firmware boots a disc. */
  bootable: boolean;
  /** It has a master boot record too, and boots from a USB stick as well. */
  hybrid: boolean;
}

const sectorBytes = 2048;
/** The volume descriptors begin at sector 16 and are a sector each (ECMA-119, 6.7 and 8.1). */
const descriptorsAt = 16 * sectorBytes;
const maxDescriptors = 16;

/** First bytes of what people take for an ISO image by mistake. */
const otherFormats: readonly [string, Buffer][] = [
  ['a qcow2 disk image', Buffer.from('QFI\xfb', 'latin1')],
  ['a gzip archive; unpack it first', Buffer.from([0x1f, 0x8b])],
  ['an xz archive; unpack it first', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a])],
  ['a zip archive; unpack it first', Buffer.from('PK\x03\x04')],
  ['a zstd archive; unpack it first', Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
  ['a VirtualBox disk image', Buffer.from('<<< ')],
  ['a web page', Buffer.from('<!DOC', 'latin1')],
];

/**
 * Looks whether a file is the image of an optical disc: a regular file with an ISO 9660 or UDF volume descriptor.
 * Reads at most 66 KiB and believes no name.
 *
 * @throws NakhodaError `storage.volume-refused` with the reason, `storage.volume-not-found` when it cannot be read.
 */
export async function probeIso(path: string): Promise<IsoProbe> {
  const head = await readHead(path);
  const identifiers: string[] = [];
  let bootable = false;
  for (let index = 0; index < maxDescriptors; index += 1) {
    const descriptor = head.subarray(descriptorsAt + index * sectorBytes, descriptorsAt + (index + 1) * sectorBytes);
    const identifier = descriptor.toString('latin1', 1, 6);
    if (!/^(CD001|BEA01|BOOT2|NSR0[23]|TEA01)$/.test(identifier)) break;
    identifiers.push(identifier);
    // El Torito 1.0, figure 7: a boot record descriptor has type 0.
    if (identifier === 'CD001' && descriptor[0] === 0 && descriptor.toString('latin1', 7, 30) === 'EL TORITO SPECIFICATION')
      bootable = true;
  }
  const hybrid = head[510] === 0x55 && head[511] === 0xaa;
  if (identifiers.includes('CD001')) return { format: 'iso9660', bootable, hybrid };
  if (identifiers.some((identifier) => identifier.startsWith('NSR'))) return { format: 'udf', bootable, hybrid };
  throw refused(path, head, hybrid);
}

async function readHead(path: string): Promise<Buffer> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!(await file.stat()).isFile()) {
      throw new NakhodaError('storage.volume-refused', { message: `${path} is not a file.`, hint: 'Give an ISO image.' });
    }
    const head = Buffer.alloc(descriptorsAt + maxDescriptors * sectorBytes);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    return head.subarray(0, bytesRead);
  } catch (error) {
    if (error instanceof NakhodaError) throw error;
    throw new NakhodaError('storage.volume-not-found', {
      message: `${path} cannot be read: ${(error as Error).message}`,
      hint: `Look at its owner and mode: ls -l ${path}`,
      cause: error,
    });
  }
}

function refused(path: string, head: Buffer, hybrid: boolean): NakhodaError {
  const other = otherFormats.find(([, magic]) => head.subarray(0, magic.length).equals(magic))?.[0];
  const short = head.length <= descriptorsAt ? `only ${head.length} bytes long` : null;
  const what = other ?? short ?? (hybrid ? "a disk's image with a master boot record" : 'of no known format');
  return new NakhodaError('storage.volume-refused', {
    message: `${path} is not the image of a CD or DVD: it is ${what}.`,
    hint: 'Give an ISO image; compare its checksum with the one where it came from.',
  });
}
