import { promisify } from 'node:util';
import { crc32, deflate } from 'node:zlib';

/** A picture: three bytes (red, green, blue) a pixel, row by row from the top. */
export interface Picture {
  width: number;
  height: number;
  rgb: Uint8Array;
}

const signature = Buffer.from('89504e470d0a1a0a', 'hex');
const compress = promisify(deflate);

/** The picture as PNG (ISO/IEC 15948): eight bits a colour, not interlaced. Compresses in another thread. */
export async function encodePng({ width, height, rgb }: Picture): Promise<Buffer> {
  const rowBytes = width * 3;
  if (rgb.length !== rowBytes * height) throw new RangeError(`${rgb.length} bytes are no picture of ${width} by ${height} pixels`);
  // Each row begins with the number of its filter; 0 leaves it as it is, which text on a screen compresses best with.
  const rows = Buffer.alloc((rowBytes + 1) * height);
  for (let row = 0; row < height; row += 1) rows.set(rgb.subarray(row * rowBytes, (row + 1) * rowBytes), row * (rowBytes + 1) + 1);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', await compress(rows)), chunk('IEND', Buffer.alloc(0))]);
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  framed.set(body, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}
