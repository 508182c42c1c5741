import assert from 'node:assert/strict';
import { crc32, inflateSync } from 'node:zlib';

/** Channels of each colour type (ISO/IEC 15948, table 11.1). */
const channelsOf: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** Size of a PNG image, and whether it shows anything. Fails unless every chunk, checksum and row is in order. */
export function readPng(image: Uint8Array): { width: number; height: number; isBlank: boolean } {
  const png = Buffer.from(image);
  assert.equal(png.subarray(0, 8).toString('hex'), '89504e470d0a1a0a', 'the image does not begin as a PNG does');
  const chunks: { type: string; data: Buffer }[] = [];
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at);
    assert.ok(at + 12 + length <= png.length, 'a chunk of the PNG is cut off');
    const body = png.subarray(at + 4, at + 8 + length);
    assert.equal(png.readUInt32BE(at + 8 + length), crc32(body), 'a chunk of the PNG has a wrong checksum');
    chunks.push({ type: body.toString('latin1', 0, 4), data: body.subarray(4) });
    at += 12 + length;
  }
  const header = chunks[0];
  assert.ok(header?.type === 'IHDR' && chunks.at(-1)?.type === 'IEND', 'the PNG lacks its head or its end');
  const [width, height] = [header.data.readUInt32BE(0), header.data.readUInt32BE(4)];
  const [depth, colourType] = [header.data.readUInt8(8), header.data.readUInt8(9)];
  assert.equal(header.data.readUInt8(12), 0, 'the PNG is interlaced');
  assert.equal(depth, 8, 'the PNG has another depth than eight bits');
  const rows = inflateSync(Buffer.concat(chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data)));
  const rowBytes = 1 + Math.ceil((width * depth * (channelsOf[colourType] ?? 0)) / 8);
  assert.equal(rows.length, rowBytes * height, 'the PNG has another number of pixels than it says');
  const step = Math.max(1, ((channelsOf[colourType] ?? 1) * depth) >> 3);
  const pixels = unfilter(rows, rowBytes - 1, step);
  const first = pixels.subarray(0, step);
  const isBlank = Array.from({ length: pixels.length / step }, (_, index) => index * step).every((at) =>
    pixels.subarray(at, at + step).equals(first),
  );
  return { width, height, isBlank };
}

/** Rows without their filters (ISO/IEC 15948, chapter 9); `step` is the number of bytes from a pixel to the next. */
function unfilter(rows: Buffer, length: number, step: number): Buffer {
  const height = rows.length / (length + 1);
  const pixels = Buffer.alloc(length * height);
  for (let row = 0; row < height; row += 1) {
    const filter = rows[row * (length + 1)] ?? 0;
    for (let column = 0; column < length; column += 1) {
      const at = row * length + column;
      const left = column < step ? 0 : (pixels[at - step] ?? 0);
      const above = row === 0 ? 0 : (pixels[at - length] ?? 0);
      const corner = row === 0 || column < step ? 0 : (pixels[at - length - step] ?? 0);
      const predicted = [0, left, above, (left + above) >> 1, paeth(left, above, corner)][filter];
      assert.ok(predicted !== undefined, 'the PNG has a filter that there is not');
      pixels[at] = ((rows[row * (length + 1) + 1 + column] ?? 0) + predicted) & 0xff;
    }
  }
  return pixels;
}

function paeth(left: number, above: number, corner: number): number {
  const estimate = left + above - corner;
  const [toLeft, toAbove, toCorner] = [Math.abs(estimate - left), Math.abs(estimate - above), Math.abs(estimate - corner)];
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}
