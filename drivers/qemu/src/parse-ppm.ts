import type { Picture } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

/** The picture in a PPM file as QEMU's `screendump` writes it: P6, with 255 as the brightest. */
export function parsePpm(file: Uint8Array): Picture {
  const head = /^P6\n(\d{1,5}) (\d{1,5})\n255\n/.exec(
    Buffer.from(file.buffer, file.byteOffset, Math.min(file.length, 32)).toString('latin1'),
  );
  const [width, height] = [Number(head?.[1]), Number(head?.[2])];
  const rgb = file.subarray(head?.[0].length ?? 0);
  if (head !== null && rgb.length === width * height * 3 && rgb.length > 0) return { width, height, rgb };
  throw new NakhodaError('console.failed', {
    message: `QEMU wrote a picture of the screen that is none: ${file.length} bytes.`,
    hint: 'Try again; if it happens again, look whether the disk with the run folder is full.',
  });
}
