import { request } from 'node:http';

/** What an attempt to open a WebSocket is answered with: the status, 101 when it is let in, and the error's code. */
export interface UpgradeAnswer {
  status: number;
  code: string | null;
}

/** Tries to open a WebSocket on a server without TLS; one that is let in is closed at once. */
export function attemptUpgrade(port: number, path: string, headers: Record<string, string>): Promise<UpgradeAnswer> {
  const handshake = {
    'connection': 'Upgrade',
    'upgrade': 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
  };
  const sent = request({ host: '127.0.0.1', port, path: `/api/v1${path}`, headers: { ...handshake, ...headers } });
  return new Promise((resolve, reject) => {
    sent.once('upgrade', (_answer, socket) => {
      socket.destroy();
      resolve({ status: 101, code: null });
    });
    sent.once('response', (answer) => {
      let text = '';
      answer.on('data', (piece: Buffer) => (text += piece.toString()));
      // The server closes a connection that it has refused to upgrade.
      answer.socket.once('close', () =>
        resolve({ status: answer.statusCode ?? 0, code: (JSON.parse(text) as { code?: string }).code ?? null }),
      );
    });
    sent.once('error', reject);
    sent.end();
  });
}
