import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';

import { NakhodaError } from '@nakhoda/schema/errors';

import { type Invocation, printResult } from '../invocation.ts';
import { readVmReference } from '../vm-reference.ts';

/** Writes a picture of a VM's screen into a file. */
export async function screenshot(invocation: Invocation, { vm, out }: { vm: string; out: string }): Promise<void> {
  const png = await invocation.client.download('vm.screenshot', { params: { vm: readVmReference('vm.screenshot', vm) } });
  const file = resolve(out);
  try {
    await writeFile(file, png);
  } catch (error) {
    throw new NakhodaError('request.invalid', {
      message: `The picture could not be written to ${file}: ${String((error as NodeJS.ErrnoException).code)}.`,
      hint: 'Name a file in a folder that exists and that you may write to.',
      cause: error,
    });
  }
  await printResult(invocation, { file, bytes: png.length }, () => `Wrote ${file} (${png.length} bytes).`);
}
