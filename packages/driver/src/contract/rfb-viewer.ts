import assert from 'node:assert/strict';

import { logInToRfb, readExactly } from '@nakhoda/host';

import type { VncConnection } from '../driver.ts';

/** A whole picture that a viewer got: four bytes (blue, green, red, unused) a pixel. */
export interface Frame {
  width: number;
  height: number;
  pixels: Buffer;
}

/** Message types of RFC 6143, 7.5 and 7.6. */
const clientMessage = { setPixelFormat: 0, setEncodings: 2, updateRequest: 3 } as const;
const serverMessage = { update: 0, bell: 2, cutText: 3 } as const;
const rawEncoding = 0;
const desktopSizeEncoding = -223;

/** A VNC client for tests: real enough to log in, ask for the whole screen and get its pixels. */
export class RfbViewer {
  readonly #connection: VncConnection;
  readonly #signal: AbortSignal;
  width: number;
  height: number;

  private constructor(connection: VncConnection, signal: AbortSignal, size: { width: number; height: number }) {
    this.#connection = connection;
    this.#signal = signal;
    this.width = size.width;
    this.height = size.height;
  }

  /** Goes through the whole handshake of RFB 3.8, as a viewer who shares the screen with others. */
  static async open(connection: VncConnection, seconds: number): Promise<RfbViewer> {
    const signal = AbortSignal.timeout(seconds * 1000);
    const { stream } = connection;
    await logInToRfb(stream, { ...connection, timeoutMs: seconds * 1000, signal });
    // Not until now: before, a failure is told by the handshake.
    stream.on('error', () => undefined);
    stream.write(Buffer.from([1]));
    const init = await readExactly(stream, 24, signal);
    await readExactly(stream, init.readUInt32BE(20), signal);
    const viewer = new RfbViewer(connection, signal, { width: init.readUInt16BE(0), height: init.readUInt16BE(2) });
    // 32 bits a pixel, 24 of them used, little endian, true colour: blue first.
    stream.write(Buffer.from([clientMessage.setPixelFormat, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]));
    const encodings = Buffer.alloc(12);
    encodings.writeUInt8(clientMessage.setEncodings, 0);
    encodings.writeUInt16BE(2, 2);
    encodings.writeInt32BE(rawEncoding, 4);
    encodings.writeInt32BE(desktopSizeEncoding, 8);
    stream.write(encodings);
    return viewer;
  }

  /** Asks for the whole screen and waits until every pixel of it has come. */
  async frame(): Promise<Frame> {
    let pixels = this.#ask();
    let missing = this.width * this.height;
    for (;;) {
      for (const rectangle of await this.#update()) {
        if (rectangle.pixels === null) {
          this.width = rectangle.width;
          this.height = rectangle.height;
          pixels = this.#ask();
          missing = this.width * this.height;
          continue;
        }
        for (let row = 0; row < rectangle.height; row += 1) {
          const from = row * rectangle.width * 4;
          pixels.set(rectangle.pixels.subarray(from, from + rectangle.width * 4), ((rectangle.y + row) * this.width + rectangle.x) * 4);
        }
        missing -= rectangle.width * rectangle.height;
      }
      if (missing <= 0) return { width: this.width, height: this.height, pixels };
    }
  }

  close(): void {
    this.#connection.stream.destroy();
  }

  /** Sends a request for everything, and gives the empty picture that it is to fill. */
  #ask(): Buffer {
    const request = Buffer.alloc(10);
    request.writeUInt8(clientMessage.updateRequest, 0);
    request.writeUInt16BE(this.width, 6);
    request.writeUInt16BE(this.height, 8);
    this.#connection.stream.write(request);
    return Buffer.alloc(this.width * this.height * 4);
  }

  /** The next update's rectangles; `pixels` is null for a change of the screen's size. */
  async #update(): Promise<{ x: number; y: number; width: number; height: number; pixels: Buffer | null }[]> {
    const read = (length: number): Promise<Buffer> => readExactly(this.#connection.stream, length, this.#signal);
    for (;;) {
      const type = (await read(1)).readUInt8();
      if (type === serverMessage.bell) continue;
      if (type === serverMessage.cutText) {
        const length = (await read(7)).readUInt32BE(3);
        if (length > 0) await read(length);
        continue;
      }
      assert.equal(type, serverMessage.update, 'the server sends a message that was not asked for');
      const rectangles = [];
      for (let left = (await read(3)).readUInt16BE(1); left > 0; left -= 1) {
        const head = await read(12);
        const [x, y, width, height] = [head.readUInt16BE(0), head.readUInt16BE(2), head.readUInt16BE(4), head.readUInt16BE(6)];
        const encoding = head.readInt32BE(8);
        assert.ok([rawEncoding, desktopSizeEncoding].includes(encoding), `the server uses the encoding ${encoding}`);
        const isRaw = encoding === rawEncoding;
        rectangles.push({ x, y, width, height, pixels: isRaw ? await read(width * height * 4) : null });
      }
      return rectangles;
    }
  }
}

/** Different colours in a frame, up to three: a screen that shows something has at least two. */
export function countColours({ pixels }: Frame): number {
  const colours = new Set<number>();
  for (let at = 0; at < pixels.length && colours.size < 3; at += 4) colours.add(pixels.readUInt32LE(at) & 0xff_ff_ff);
  return colours.size;
}
