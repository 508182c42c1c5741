import { setTimeout as delay } from 'node:timers/promises';

import type { NakhodaError, NakhodaEvent } from '@nakhoda/schema';

/** Comments this often keep proxies from closing a silent event stream. */
const keepAliveMs = 15_000;

export interface StreamOptions {
  /** Aborted when the reader has left: ends the stream without an error. */
  readonly signal: AbortSignal;
  /** Called once when the source fails; gives the error that the reader is told. */
  onError(thrown: unknown): NakhodaError;
}

/**
 * One JSON value a line. A source that fails ends the stream with the line `{"error": {code, message, hint}}`:
 * the status has been sent by then.
 */
export async function* ndjsonLines(source: AsyncIterable<unknown>, options: StreamOptions): AsyncGenerator<string, void, undefined> {
  try {
    for await (const value of source) yield `${JSON.stringify(value)}\n`;
  } catch (thrown) {
    if (options.signal.aborted) return;
    const { code, message, hint } = options.onError(thrown).toBody();
    yield `${JSON.stringify({ error: { code, message, hint } })}\n`;
  }
}

/**
 * Server-sent events: the event's number as `id`, the whole event as JSON in `data`, all of the default type,
 * so that one `onmessage` gets them. Begins with bytes at once, so that the reader knows it is connected.
 */
export async function* eventLines(
  source: AsyncIterable<NakhodaEvent>,
  options: StreamOptions & { keepAliveMs?: number },
): AsyncGenerator<string, void, undefined> {
  yield 'retry: 2000\n\n';
  const iterator = source[Symbol.asyncIterator]();
  let next = iterator.next();
  // A rejection that comes while nobody reads is still seen by the race below.
  next.catch(() => undefined);
  try {
    for (;;) {
      const timer = new AbortController();
      const silence = delay(options.keepAliveMs ?? keepAliveMs, 'silence' as const, { signal: timer.signal }).catch(
        () => 'silence' as const,
      );
      const outcome = await Promise.race([next, silence]);
      timer.abort();
      if (outcome === 'silence') {
        yield ': keep-alive\n\n';
        continue;
      }
      if (outcome.done === true) return;
      yield `id: ${outcome.value.id}\ndata: ${JSON.stringify(outcome.value)}\n\n`;
      next = iterator.next();
      next.catch(() => undefined);
    }
  } catch (thrown) {
    if (!options.signal.aborted) options.onError(thrown);
  } finally {
    await iterator.return?.();
  }
}
