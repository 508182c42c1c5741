import type { Readable } from 'node:stream';

/**
 * The next `length` bytes of a stream that is in paused mode; what comes behind them stays in the stream. Rejects with
 * the signal's reason when it is aborted, and with the stream's error, or null as its reason, when the stream ends first.
 */
export function readExactly(stream: Readable, length: number, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const settle = (done: () => void): void => {
      stream.off('readable', look);
      stream.off('end', onEnd);
      stream.off('close', onEnd);
      stream.off('error', onError);
      signal.removeEventListener('abort', onAbort);
      done();
    };
    const onEnd = (): void => settle(() => reject(new StreamEndedError()));
    const onError = (error: Error): void => settle(() => reject(error));
    const onAbort = (): void => settle(() => reject(signal.reason as Error));
    const look = (): void => {
      const data = stream.read(length) as Buffer | null;
      if (data === null) return;
      // At the end of a stream `read` gives what is left.
      if (data.length < length) onEnd();
      else settle(() => resolve(data));
    };
    if (signal.aborted) return onAbort();
    if (stream.destroyed || stream.readableEnded) return onEnd();
    stream.on('readable', look);
    stream.once('end', onEnd);
    stream.once('close', onEnd);
    stream.once('error', onError);
    signal.addEventListener('abort', onAbort, { once: true });
    look();
  });
}

/** The other side closed the stream before it had sent what was read for. */
export class StreamEndedError extends Error {
  constructor() {
    super('the connection was closed');
    this.name = 'StreamEndedError';
  }
}
