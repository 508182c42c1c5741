import type { GuestFacts } from '@nakhoda/schema';

export interface GuestCommand {
  /** Program and arguments; no shell in between. */
  argv: readonly string[];
  /** Standard input, 64 KiB at most; without it there is none. */
  input?: Uint8Array;
  timeoutMs: number;
  onStdout: (data: Uint8Array) => void;
  onStderr: (data: Uint8Array) => void;
  signal?: AbortSignal;
}

/** One way of reaching into a guest: its agent, or the shell on its serial console. */
export interface GuestChannel {
  /** True when the guest answers on this channel within the time. Never throws but for an abort. */
  probe(options: { timeoutMs: number; signal?: AbortSignal }): Promise<boolean>;
  /**
   * Runs a program in the guest and streams its output. A program ended by signal N gives exit code 128 + N.
   * @throws NakhodaError `guest.exec-failed` (cannot be started, or its output was lost), `guest.timeout` (the
   * program is then killed), `guest.no-agent` (nobody answers), `guest.not-running`.
   */
  exec(command: GuestCommand): Promise<{ exitCode: number }>;
  /** @throws NakhodaError `guest.file-failed` when it cannot be read or has more than `maxBytes`; others as `exec`. */
  readFile(options: { path: string; maxBytes: number; signal?: AbortSignal }): Promise<Uint8Array>;
  /** Writes over the file, or makes it; with `mode` (octal) it has those permissions before it has content. @throws as `readFile`. */
  writeFile(options: { path: string; data: Uint8Array; mode?: string; signal?: AbortSignal }): Promise<void>;
  /** IPv4 addresses by MAC in lower case, without loopback. @throws as `exec`. */
  addresses(options: { signal?: AbortSignal }): Promise<{ mac: string; address: string }[]>;
  /** What the guest says of itself; parts that it cannot tell are empty. @throws as `exec`. */
  facts(options: { signal?: AbortSignal }): Promise<GuestFacts>;
}
