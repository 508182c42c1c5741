import { spawn } from 'node:child_process';

/** A network namespace with nothing but loopback in it. */
export interface NetworkNamespace {
  /** The command that runs `argv` inside; the spawned process becomes it. */
  enter(argv: readonly string[]): string[];
  /** Lets go of it; it is gone with the last process inside. */
  close(): void;
}

export async function openNetworkNamespace(): Promise<NetworkNamespace> {
  const holder = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up && echo ready && exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await new Promise((resolve, reject) => {
    holder.stdout.once('data', resolve);
    holder.once('exit', () => reject(new Error('The test needs a network namespace of its own, and none could be made.')));
    holder.once('error', reject);
  });
  return {
    enter: (argv) => ['nsenter', `--net=/proc/${holder.pid}/ns/net`, ...argv],
    close: () => void holder.kill(),
  };
}
