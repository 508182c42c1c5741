import type { NakhodaEvent } from '@nakhoda/schema';

/** The events of a server-sent event stream. Comments and fields other than `data` are passed over. */
export async function* readEvents(lines: AsyncIterable<string>): AsyncGenerator<NakhodaEvent, void, undefined> {
  let data: string[] = [];
  for await (const line of lines) {
    if (line.startsWith('data:')) data.push(line.slice(5).trimStart());
    if (line !== '' || data.length === 0) continue;
    yield JSON.parse(data.join('\n')) as NakhodaEvent;
    data = [];
  }
}
