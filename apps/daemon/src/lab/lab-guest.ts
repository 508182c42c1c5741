import type { DriverContext, GuestFacet } from '@nakhoda/driver';
import type { HypervisorId } from '@nakhoda/schema';
import { NakhodaError } from '@nakhoda/schema';

/** One guest of the experiment, with what the checks ask of it. */
export interface LabGuest {
  hypervisor: HypervisorId;
  vmid: number;
  name: string;
  /** Runs a program in the guest to its end. Never throws for a program that fails. */
  run(argv: readonly string[], timeoutSeconds?: number): Promise<GuestAnswer>;
  /** Runs a program and gives its output. @throws NakhodaError `lab.failed` when it ends with another code than 0 */
  ask(argv: readonly string[], timeoutSeconds?: number): Promise<string>;
}

export interface GuestAnswer {
  argv: readonly string[];
  exitCode: number;
  stdout: string;
  stderr: string;
}

export function labGuest(options: {
  hypervisor: HypervisorId;
  vmid: number;
  name: string;
  facet: GuestFacet;
  ctx: DriverContext;
}): LabGuest {
  const { facet, ctx, vmid, name, hypervisor } = options;
  const run: LabGuest['run'] = async (argv, timeoutSeconds = 60) => {
    const stdout: Uint8Array[] = [];
    const stderr: Uint8Array[] = [];
    const { exitCode } = await facet.exec(ctx, {
      vmid,
      argv,
      timeoutSeconds,
      onStdout: (data) => stdout.push(data),
      onStderr: (data) => stderr.push(data),
    });
    return { argv, exitCode, stdout: Buffer.concat(stdout).toString('utf8'), stderr: Buffer.concat(stderr).toString('utf8') };
  };
  return {
    hypervisor,
    vmid,
    name,
    run,
    async ask(argv, timeoutSeconds) {
      const answer = await run(argv, timeoutSeconds);
      if (answer.exitCode === 0) return answer.stdout;
      throw new NakhodaError('lab.failed', {
        message: `In ${name}, ${argv.join(' ')} ended with exit code ${answer.exitCode}: ${(answer.stderr || answer.stdout).trim()}`,
        hint: 'Look at the guest with `nakhoda console`.',
      });
    },
  };
}
