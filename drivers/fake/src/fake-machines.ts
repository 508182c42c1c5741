import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { NakhodaError } from '@nakhoda/schema';

import type { FakeMachine } from './fake-machine.ts';

/** All machines of a fake hypervisor; in a file as well when it has one, so that another instance finds them. */
export class FakeMachines {
  readonly #path: string | undefined;
  readonly #machines: Map<number, FakeMachine>;

  constructor(path: string | undefined) {
    this.#path = path;
    this.#machines = new Map(path === undefined ? [] : load(path).map((machine) => [machine.spec.vmid, machine]));
  }

  all(): FakeMachine[] {
    return [...this.#machines.values()];
  }

  find(vmid: number): FakeMachine | undefined {
    return this.#machines.get(vmid);
  }

  /** @throws NakhodaError `vm.not-found` */
  get(vmid: number): FakeMachine {
    const machine = this.#machines.get(vmid);
    if (machine) return machine;
    throw new NakhodaError('vm.not-found', {
      message: `The fake hypervisor has no VM ${vmid}.`,
      hint: 'Look at the list of VMs for the right vmid.',
    });
  }

  add(machine: FakeMachine): void {
    this.#machines.set(machine.spec.vmid, machine);
    this.save();
  }

  remove(vmid: number): void {
    this.#machines.delete(vmid);
    this.save();
  }

  /** To be called after every change of a machine. Synchronous, so that no call sees half of another's change. */
  save(): void {
    if (this.#path === undefined) return;
    mkdirSync(dirname(this.#path), { recursive: true });
    writeFileSync(`${this.#path}.new`, JSON.stringify(this.all()), { mode: 0o600 });
    renameSync(`${this.#path}.new`, this.#path);
  }
}

function load(path: string): FakeMachine[] {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as FakeMachine[];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
