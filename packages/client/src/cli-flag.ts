import type { CliCommand } from '@nakhoda/schema';

/** The flag of an endpoint's field: `timeoutSeconds` → `--timeout-seconds`, or what the table calls it instead. */
export function cliFlag(cli: CliCommand, field: string): string {
  return `--${cli.flags?.[field] ?? field.replaceAll(/[A-Z]/gu, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Whether the flag of a yes-or-no field takes `yes` or `no`: what is there already, or by default, can be switched off as well as on. */
export function takesYesNo(cli: CliCommand, method: string, field: string): boolean {
  return method === 'PATCH' || cli.yesNo?.includes(field) === true;
}
