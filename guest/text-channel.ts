import { createServer } from 'node:net';
import type { Socket } from 'node:net';

/** A program's end of a Unix socket, read as text. Limits are in milliseconds. */
export type TextChannel = {
  send(text: string): void;
  /**
   * Waits until what arrived holds `pattern`, takes everything up to its end out of the buffer and
   * gives the match, with what stood before it as `before`. Rejects when the limit passes or the
   * program closes the channel, and says what had arrived.
   */
  take(pattern: RegExp, limit: number): Promise<{ before: string; match: RegExpExecArray }>;
};

/** A Unix socket on which one program is expected to call. */
export type TextListener = AsyncDisposable & {
  /** Resolves when the program has called. */
  channel: Promise<TextChannel>;
};

/**
 * Listens on `path`. The program is the one that connects, so that nothing has to be tried again
 * and again until a socket exists.
 */
export async function listenForText(path: string): Promise<TextListener> {
  const server = createServer();
  const sockets = new Set<Socket>();
  const channel = new Promise<TextChannel>((resolve) => {
    server.once('connection', (socket) => {
      sockets.add(socket);
      resolve(textChannel(path, socket));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  return {
    channel,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function textChannel(path: string, socket: Socket): TextChannel {
  let buffer = '';
  let ended = false;
  let waiting: (() => void) | null = null;
  const wake = () => waiting?.();
  // latin1, because a serial line carries single bytes (the agent's 0xff among them).
  socket.setEncoding('latin1');
  socket.on('data', (text: string) => {
    buffer += text;
    wake();
  });
  for (const event of ['end', 'error', 'close']) {
    socket.on(event, () => {
      ended = true;
      wake();
    });
  }
  return {
    send(text) {
      socket.write(text, 'latin1');
    },
    take(pattern, limit) {
      return new Promise((resolve, reject) => {
        const settle = (act: () => void) => {
          clearTimeout(timer);
          waiting = null;
          act();
        };
        const fail = (why: string) => {
          settle(() => reject(new Error(`${path}: ${why} while waiting for ${pattern}; arrived: ${JSON.stringify(buffer)}`)));
        };
        const timer = setTimeout(() => fail(`${limit} ms passed`), limit);
        waiting = () => {
          const match = pattern.exec(buffer);
          if (match !== null) {
            const before = buffer.slice(0, match.index);
            buffer = buffer.slice(match.index + match[0].length);
            settle(() => resolve({ before, match }));
          } else if (ended) fail('it was closed');
        };
        waiting();
      });
    },
  };
}
