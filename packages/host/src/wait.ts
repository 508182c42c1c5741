import { setTimeout as delay } from 'node:timers/promises';

/**
 * Asks again and again until the answer is neither null nor undefined nor false, and gives it; null after `timeoutMs`.
 * For conditions that nothing announces. An abort of `signal` throws its reason.
 */
export async function waitFor<T>(
  ask: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  options: { timeoutMs: number; pollMs?: number; signal?: AbortSignal },
): Promise<T | null> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    options.signal?.throwIfAborted();
    const answer = await ask();
    if (answer !== null && answer !== undefined && answer !== false) return answer;
    if (performance.now() >= deadline) return null;
    await delay(options.pollMs ?? 50, undefined, options.signal ? { signal: options.signal } : {}).catch(() => undefined);
  }
}
