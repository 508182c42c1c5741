import { NakhodaError, toNakhodaError } from '@nakhoda/schema/errors';

import { Interrupted } from './interrupted.ts';
import { printable } from './text.ts';
import { UsageError } from './usage-error.ts';

/** Tells on standard error what went wrong, why and what to do, and gives the exit code: 1 failed, 2 wrong usage. */
export function reportFailure(thrown: unknown, json: boolean): number {
  if (thrown instanceof Interrupted) {
    if (!json) process.stderr.write(`${thrown.message}\n`);
    return 130;
  }
  const error =
    thrown instanceof UsageError
      ? new NakhodaError('request.invalid', { message: thrown.message, hint: thrown.hint })
      : toNakhodaError(thrown);
  const { code, message, hint } = error;
  const text = json
    ? JSON.stringify({ code, message, hint })
    : `nakhoda: ${readable(message)}\n  what to do: ${readable(hint)}\n  error code: ${code}`;
  process.stderr.write(`${text}\n`);
  return code === 'request.invalid' ? 2 : 1;
}

/** Several lines are allowed here: the last lines of a program's output may be part of a message. */
function readable(text: string): string {
  return text.split('\n').map(printable).join('\n  ');
}
