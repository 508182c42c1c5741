/** Cuts a stream of bytes into its lines, without their ends. What follows the last line end is a line too, unless empty. */
export async function* lines(source: AsyncIterable<unknown>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const piece of source) {
    rest += typeof piece === 'string' ? piece : decoder.decode(piece as Uint8Array, { stream: true });
    const complete = rest.split('\n');
    rest = complete.pop() ?? '';
    yield* complete;
  }
  if (rest !== '') yield rest;
}
