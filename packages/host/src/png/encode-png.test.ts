import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32, inflateSync } from 'node:zlib';

import { encodePng } from './encode-png.ts';

test('the PNG of two by two pixels', async () => {
  const rgb = Uint8Array.from([255, 0, 0, 0, 255, 0, 0, 0, 255, 1, 2, 3]);
  const png = await encodePng({ width: 2, height: 2, rgb });
  assert.equal(png.subarray(0, 8).toString('hex'), '89504e470d0a1a0a');
  const chunks: { type: string; data: Buffer }[] = [];
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at);
    const body = png.subarray(at + 4, at + 8 + length);
    assert.equal(png.readUInt32BE(at + 8 + length), crc32(body));
    chunks.push({ type: body.toString('latin1', 0, 4), data: body.subarray(4) });
    at += length + 12;
  }
  assert.deepEqual(
    chunks.map(({ type }) => type),
    ['IHDR', 'IDAT', 'IEND'],
  );
  assert.equal(chunks[0]?.data.toString('hex'), '00000002000000020802000000');
  assert.deepEqual([...inflateSync(chunks[1]?.data ?? '')], [0, 255, 0, 0, 0, 255, 0, 0, 0, 0, 255, 1, 2, 3]);
});

test('bytes that do not fill the picture are refused', async () => {
  await assert.rejects(encodePng({ width: 2, height: 2, rgb: new Uint8Array(11) }), RangeError);
});
