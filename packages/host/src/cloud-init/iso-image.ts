/** A file in the root of an image. */
export interface IsoFile {
  /** 1 to 60 lower-case letters, digits and hyphens; the first eight tell the files apart. */
  name: string;
  data: Uint8Array;
}

const sector = 2048;
const firstDescriptor = 16;
/** Where what follows the descriptors lies, in sectors. One folder with few files needs one sector for each. */
const place = {
  paths: 19,
  pathsBigEndian: 20,
  jolietPaths: 21,
  jolietPathsBigEndian: 22,
  root: 23,
  extension: 24,
  jolietRoot: 25,
  files: 26,
};
/** Read by root alone: there may be a password's hash in it. */
const mode = { folder: 0o040500, file: 0o100400 };

/**
 * An ISO 9660 image with one folder, the names also by Joliet and Rock Ridge, in which Linux and Windows see them as
 * they are. The same input gives the same bytes: everything carries the instant 2000-01-01. Pure.
 * After ECMA-119, IEEE P1281 (SUSP), P1282 (RRIP) and the Joliet specification.
 * @param volume the label, 1 to 16 letters, digits and underscores
 */
export function isoImage(volume: string, files: readonly IsoFile[]): Buffer {
  if (!/^[A-Za-z0-9_]{1,16}$/.test(volume)) throw new Error(`${volume} is no label for an image`);
  const names = files.map(({ name }) => shortName(name));
  if (new Set(names).size !== files.length) throw new Error('two files have the same first eight letters');

  let next = place.files;
  const placed = files
    .map((file, index) => ({ ...file, short: names[index] ?? '' }))
    .sort((a, b) => (a.short < b.short ? -1 : 1))
    .map((file) => {
      const at = next;
      next += Math.max(1, Math.ceil(file.data.length / sector));
      return { ...file, at };
    });
  const image = Buffer.alloc(next * sector);
  const put = (at: number, data: Uint8Array): void => {
    if (data.length > sector && at < place.files) throw new Error('too many files for this image');
    image.set(data, at * sector);
  };

  put(firstDescriptor, descriptor({ volume, sectors: next, joliet: false }));
  put(firstDescriptor + 1, descriptor({ volume, sectors: next, joliet: true }));
  put(firstDescriptor + 2, Buffer.from('\u00ffCD001\u0001', 'latin1'));
  put(place.paths, pathTable(place.root, 'LE'));
  put(place.pathsBigEndian, pathTable(place.root, 'BE'));
  put(place.jolietPaths, pathTable(place.jolietRoot, 'LE'));
  put(place.jolietPathsBigEndian, pathTable(place.jolietRoot, 'BE'));
  put(
    place.root,
    folder([
      record({
        at: place.root,
        size: sector,
        name: Buffer.of(0),
        folder: true,
        more: [rockRidgeUse(), attributes(mode.folder, 2), continued()],
      }),
      record({ at: place.root, size: sector, name: Buffer.of(1), folder: true, more: [attributes(mode.folder, 2)] }),
      ...placed.map(({ at, data, name, short }) =>
        record({ at, size: data.length, name: Buffer.from(short, 'latin1'), more: [attributes(mode.file, 1), realName(name)] }),
      ),
    ]),
  );
  put(place.extension, extensionReference());
  const byName = [...placed].sort((a, b) => (a.name < b.name ? -1 : 1));
  put(
    place.jolietRoot,
    folder([
      record({ at: place.jolietRoot, size: sector, name: Buffer.of(0), folder: true }),
      record({ at: place.jolietRoot, size: sector, name: Buffer.of(1), folder: true }),
      ...byName.map(({ at, data, name }) => record({ at, size: data.length, name: ucs2(`${name};1`) })),
    ]),
  );
  for (const { at, data } of placed) put(at, data);
  return image;
}

/** By ISO 9660 level 1: eight letters, digits and underscores. */
function shortName(name: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,59}$/.test(name)) throw new Error(`${name} is no name for a file of an image`);
  return `${name.toUpperCase().replaceAll('-', '_').slice(0, 8)}.;1`;
}

function descriptor({ volume, sectors, joliet }: { volume: string; sectors: number; joliet: boolean }): Buffer {
  const at = Buffer.alloc(sector);
  const text = (offset: number, length: number, value: string): void => {
    // An odd last byte stays zero, as mkisofs leaves it.
    if (joliet) at.set(ucs2(value.padEnd(length >> 1, ' ')).subarray(0, length), offset);
    else at.write(value.padEnd(length, ' '), offset, length, 'latin1');
  };
  const paths = joliet ? [place.jolietPaths, place.jolietPathsBigEndian] : [place.paths, place.pathsBigEndian];
  at[0] = joliet ? 2 : 1;
  at.write('CD001', 1, 'latin1');
  at[6] = 1;
  text(8, 32, '');
  text(40, 32, volume);
  at.set(both32(sectors), 80);
  // Joliet level 3.
  if (joliet) at.write('%/E', 88, 'latin1');
  at.set(both16(1), 120);
  at.set(both16(1), 124);
  at.set(both16(sector), 128);
  at.set(both32(pathTable(0, 'LE').length), 132);
  at.writeUInt32LE(paths[0] ?? 0, 140);
  at.writeUInt32BE(paths[1] ?? 0, 148);
  at.set(record({ at: joliet ? place.jolietRoot : place.root, size: sector, name: Buffer.of(0), folder: true }), 156);
  for (const offset of [190, 318, 446, 574]) text(offset, 128, '');
  for (const offset of [702, 739, 776]) text(offset, 37, '');
  for (const [offset, instant] of [
    [813, '2000010100000000'],
    [830, '2000010100000000'],
    [847, '0000000000000000'],
    [864, '2000010100000000'],
  ] as const) {
    at.write(instant, offset, 'latin1');
  }
  at[881] = 1;
  return at;
}

/** A directory record (ECMA-119, 9.1), with Rock Ridge's entries behind the name. */
function record(options: { at: number; size: number; name: Buffer; folder?: boolean; more?: readonly Buffer[] }): Buffer {
  const { at, size, name, folder = false, more = [] } = options;
  const head = Buffer.alloc(33);
  head.set(both32(at), 2);
  head.set(both32(size), 10);
  // 2000-01-01 00:00:00 UTC.
  head.set([100, 1, 1, 0, 0, 0, 0], 18);
  head[25] = folder ? 2 : 0;
  head.set(both16(1), 28);
  head[32] = name.length;
  const padding = Buffer.alloc(name.length % 2 === 0 ? 1 : 0);
  const body = Buffer.concat([head, name, padding, ...more]);
  const whole = body.length % 2 === 0 ? body : Buffer.concat([body, Buffer.alloc(1)]);
  whole[0] = whole.length;
  return whole;
}

function folder(records: readonly Buffer[]): Buffer {
  return Buffer.concat(records);
}

/** One folder, the root (ECMA-119, 9.4). */
function pathTable(root: number, order: 'LE' | 'BE'): Buffer {
  const table = Buffer.alloc(10);
  table[0] = 1;
  if (order === 'LE') table.writeUInt32LE(root, 2);
  else table.writeUInt32BE(root, 2);
  if (order === 'LE') table.writeUInt16LE(1, 6);
  else table.writeUInt16BE(1, 6);
  return table;
}

/** A system use entry: two letters, its length, its version. */
function entry(signature: string, data: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(signature, 'latin1'), Buffer.of(4 + data.length, 1), data]);
}

/** SP: these entries are to be read. */
function rockRidgeUse(): Buffer {
  return entry('SP', Buffer.of(0xbe, 0xef, 0));
}

/** CE: the entry that a directory record has no room for. */
function continued(): Buffer {
  return entry('CE', Buffer.concat([both32(place.extension), both32(0), both32(extensionReference().length)]));
}

/** ER: they are Rock Ridge's. */
function extensionReference(): Buffer {
  const id = 'RRIP_1991A';
  const description = 'THE ROCK RIDGE INTERCHANGE PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS';
  const source = 'PLEASE CONTACT DISC PUBLISHER FOR SPECIFICATION SOURCE.  SEE PUBLISHER IDENTIFIER IN PRIMARY VOLUME DESCRIPTOR.';
  const lengths = Buffer.of(id.length, description.length, source.length, 1);
  return entry('ER', Buffer.concat([lengths, Buffer.from(id + description + source, 'latin1')]));
}

/** PX: mode, links, and root as owner. */
function attributes(bits: number, links: number): Buffer {
  return entry('PX', Buffer.concat([both32(bits), both32(links), both32(0), both32(0)]));
}

/** NM. */
function realName(name: string): Buffer {
  return entry('NM', Buffer.concat([Buffer.of(0), Buffer.from(name, 'latin1')]));
}

function ucs2(text: string): Buffer {
  return Buffer.from(text, 'utf16le').swap16();
}

function both16(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt16LE(value, 0);
  bytes.writeUInt16BE(value, 2);
  return bytes;
}

function both32(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(value, 0);
  bytes.writeUInt32BE(value, 4);
  return bytes;
}
