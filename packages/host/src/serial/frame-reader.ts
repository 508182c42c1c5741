/** What a serial script prints: `<id:kind>` or `<id:kind:body>`. */
export interface Frame {
  kind: string;
  body: string;
}

// An output frame holds 3 KiB as base64; more than this without an end is not one of ours.
const maxFrameLength = 16 * 1024;

/** Finds one operation's frames in a console's output, whatever else is printed around them. */
export class FrameReader {
  readonly #start: string;
  #text = '';

  constructor(id: string) {
    this.#start = `<${id}:`;
  }

  /** Takes a piece of output and gives the frames that it completes. */
  push(data: Uint8Array): Frame[] {
    this.#text += Buffer.from(data).toString('latin1');
    const frames: Frame[] = [];
    for (;;) {
      const start = this.#text.indexOf(this.#start);
      if (start < 0) {
        this.#text = this.#text.slice(-(this.#start.length - 1));
        return frames;
      }
      const end = this.#text.indexOf('>', start);
      if (end < 0) {
        this.#text = this.#text.slice(this.#text.length - start > maxFrameLength ? start + 1 : start);
        return frames;
      }
      const [kind = '', ...rest] = this.#text.slice(start + this.#start.length, end).split(':');
      frames.push({ kind, body: rest.join(':') });
      this.#text = this.#text.slice(end + 1);
    }
  }
}
