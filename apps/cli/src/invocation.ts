import type { Client } from '@nakhoda/client';

/** What every command gets besides its own arguments. */
export interface Invocation {
  /** `--json`: the API's object on standard output, errors as JSON, no progress. */
  readonly json: boolean;
  /** Absolute path of the data folder of the daemon that is meant. */
  readonly data: string;
  readonly client: Client;
}

/** Writes a result to standard output and returns when it is on its way. */
export async function print(text: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    process.stdout.write(`${text}\n`, (error) => (error ? reject(error) : resolve()));
  });
}

/** Writes the result: as JSON with `--json`, otherwise as `human` makes it. */
export function printResult(invocation: Invocation, value: unknown, human: () => string): Promise<void> {
  return print(invocation.json ? JSON.stringify(value) : human());
}
