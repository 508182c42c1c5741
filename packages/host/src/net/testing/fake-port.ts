import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** A UDP socket as VirtualBox has it: bound on all addresses, taking every datagram as a frame. */
export interface FakePort {
  frames: { data: Buffer; port: number }[];
  send(data: Buffer, port: number): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** @param port 0: any that is free */
export async function openPort(port: number): Promise<FakePort> {
  const socket = createSocket('udp4');
  const frames: FakePort['frames'] = [];
  socket.on('message', (data, { port: from }) => frames.push({ data, port: from }));
  socket.bind(port, '0.0.0.0');
  await once(socket, 'listening');
  return {
    frames,
    send: (data, to) =>
      new Promise((resolve, reject) => {
        socket.send(data, to, '127.0.0.1', (error) => (error ? reject(error) : resolve()));
      }),
    [Symbol.asyncDispose]: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}
