import { Agent, request } from 'node:http';
import { join } from 'node:path';

/** Milliseconds from sending a GET on the daemon's Unix socket until the whole answer is here, so many times. */
export async function httpTimes(data: string, path: string, rounds: number): Promise<{ times: number[]; body: string }> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const socketPath = join(data, 'run/nakhoda.sock');
  const times: number[] = [];
  let body = '';
  const once = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      const sent = request({ socketPath, path: `/api/v1${path}`, agent }, (answer) => {
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          if (answer.statusCode === 200) resolve(text);
          else reject(new Error(`${path} answered ${answer.statusCode}: ${text}`));
        });
      });
      sent.on('error', reject);
      sent.end();
    });
  try {
    // Connected and compiled before it counts.
    for (let round = 0; round < 5; round += 1) await once();
    for (let round = 0; round < rounds; round += 1) {
      const since = performance.now();
      body = await once();
      times.push(performance.now() - since);
    }
  } finally {
    agent.destroy();
  }
  return { times, body };
}
