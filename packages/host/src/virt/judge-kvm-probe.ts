import { probeExitCode, probeWords } from './probe-guest.ts';

/** One run of the probe guest. */
export interface ProbeRun {
  /** Null when it had to be killed. */
  exitCode: number | null;
  /** It had to be killed because its time was up. */
  timedOut: boolean;
  seconds: number;
  output: string;
}

export interface ProbeVerdict {
  ok: boolean;
  reason: string;
  remedy?: string;
  /** It will be the same until the next boot. */
  lasting: boolean;
}

const useTcg = 'Nothing to do: QEMU guests run under TCG instead. On a host with real VT-x or AMD-V they run under KVM.';

/** What a run of the probe guest under KVM proves. Pure. */
export function judgeProbeRun(run: ProbeRun): ProbeVerdict {
  const [longWord, saveWord] = probeWords;
  if (run.exitCode === probeExitCode && run.output.includes(probeWords.join(''))) {
    return {
      ok: true,
      reason: `A probe guest came to 64-bit long mode and worked there at full speed, in ${run.seconds} s.`,
      lasting: true,
    };
  }
  if (/resource busy|EBUSY/i.test(run.output)) {
    return {
      ok: false,
      reason: 'Another hypervisor, probably VirtualBox, holds the virtualization of the processor.',
      remedy: 'Stop the VMs of the other hypervisor, then check again.',
      lasting: false,
    };
  }
  const progress = run.output.includes(longWord) ? 'came to 64-bit long mode' : 'did not come to 64-bit long mode';
  if (run.output.includes('KVM internal error')) {
    return {
      ok: false,
      reason: `KVM opens, but its probe guest ${progress} and died there of a KVM internal error: this KVM cannot execute what every kernel executes.`,
      remedy: useTcg,
      lasting: true,
    };
  }
  if (run.timedOut && run.output.includes(saveWord)) {
    return {
      ok: false,
      reason: `KVM opens, but its probe guest could not do in ${run.seconds} s what a processor does in a hundredth of one: this KVM emulates guests, or the host is overloaded.`,
      remedy: useTcg,
      lasting: false,
    };
  }
  if (run.timedOut) {
    return {
      ok: false,
      reason: `KVM opens, but its probe guest ${progress} and reported no more within ${run.seconds} s.`,
      remedy: useTcg,
      lasting: false,
    };
  }
  const words = run.output.trim().split('\n').slice(-2).join(' ');
  // A kernel whose KVM refuses registers that it offers makes QEMU fail an assertion (seen: kvm_pvm on an AMD processor).
  const asserted = /Assertion .* failed/.test(run.output);
  const died = run.exitCode === null || asserted;
  return {
    ok: false,
    reason: died
      ? `KVM opens, but QEMU died of it before the probe guest ran: ${words === '' ? 'it said nothing.' : words}`
      : `QEMU could not run a guest with KVM: ${words === '' ? `it ended with exit code ${run.exitCode}` : words}`,
    remedy: useTcg,
    // The same kernel refuses the same QEMU again; to ask it at every start of a VM would cost each 35 ms.
    lasting: asserted,
  };
}
