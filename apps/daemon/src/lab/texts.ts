import type { HypervisorId, Language } from '@nakhoda/schema';

import type { RawCheck } from './raw-check.ts';

/** What a check says to a person, in one language. */
export interface CheckWords {
  title: string;
  expected: string;
  observed: string;
}

const names: Record<HypervisorId | 'both', string> = {
  qemu: 'KVM/QEMU',
  virtualbox: 'VirtualBox',
  fake: 'fake',
  both: 'KVM/QEMU + VirtualBox',
};

/** A hypervisor's name as people write it. */
export function hypervisorName(id: HypervisorId | 'both'): string {
  return names[id];
}

type FormatNumber = (value: unknown, digits?: number) => string;
type Evidence = Record<string, unknown>;
type Writer = (check: { hypervisor: string; from: string; to: string; evidence: Evidence; number: FormatNumber }) => CheckWords;

const rtt = (evidence: Evidence): { min?: unknown; average?: unknown; max?: unknown } | null =>
  (evidence['rttMs'] as object | null) ?? null;
interface BothLoad {
  alone: number | null;
  together: number | null;
  ratio: number | null;
}
const both = (evidence: Evidence): [string, BothLoad][] =>
  Object.entries((evidence['guests'] as Record<HypervisorId, BothLoad> | undefined) ?? {}).map(([id, load]) => [
    hypervisorName(id as HypervisorId),
    load,
  ]);

interface HostLoad {
  cpuPercent: number;
  memoryUsedBytes: number;
  memoryTotalBytes: number;
  /** Averages of 1, 5 and 15 minutes. */
  load: readonly number[];
}
interface ProcessLoad {
  cpuPercent: number;
  rssBytes: number;
}
const hostLoad = (evidence: Evidence): HostLoad | null => (evidence['host'] as HostLoad | undefined) ?? null;
const processLoad = (evidence: Evidence): ProcessLoad | null => (evidence['process'] as ProcessLoad | null | undefined) ?? null;
const gibibytes = (bytes: number): number => bytes / 1024 ** 3;
const mebibytes = (bytes: number): number => bytes / 1024 ** 2;

/** What a load cost, as the end of a sentence; nothing where it was not measured. */
const costs = {
  en: (evidence: Evidence, number: FormatNumber): string => {
    const [host, own] = [hostLoad(evidence), processLoad(evidence)];
    const process = own && ` VM process: CPU ${number(own.cpuPercent, 0)} % of a core, ${number(mebibytes(own.rssBytes), 0)} MiB.`;
    const whole =
      host &&
      ` Host: CPU ${number(host.cpuPercent, 0)} %, memory ${number(gibibytes(host.memoryUsedBytes), 1)} of ${number(gibibytes(host.memoryTotalBytes), 1)} GiB, load average ${host.load.map((value) => number(value)).join(' / ')}.`;
    return (process ?? '') + (whole ?? '');
  },
  id: (evidence: Evidence, number: FormatNumber): string => {
    const [host, own] = [hostLoad(evidence), processLoad(evidence)];
    const process = own && ` Proses VM: CPU ${number(own.cpuPercent, 0)} % dari satu inti, ${number(mebibytes(own.rssBytes), 0)} MiB.`;
    const whole =
      host &&
      ` Host: CPU ${number(host.cpuPercent, 0)} %, memori ${number(gibibytes(host.memoryUsedBytes), 1)} dari ${number(gibibytes(host.memoryTotalBytes), 1)} GiB, load average ${host.load.map((value) => number(value)).join(' / ')}.`;
    return (process ?? '') + (whole ?? '');
  },
};

const english: Record<RawCheck['kind'], Writer> = {
  'boot': ({ hypervisor, evidence, number }) => ({
    title: `A guest boots on ${hypervisor}`,
    expected: 'A program in the guest answers after the start.',
    observed: `Answered ${number(evidence['bootSeconds'])} s after the order to make it (${String(evidence['channel'])}): ${String(evidence['output'])}`,
  }),
  'address': ({ hypervisor, evidence }) => ({
    title: `The ${hypervisor} guest gets an address`,
    expected: "The daemon knows the guest's address, and the guest has the same one.",
    observed: `${String(evidence['address'])}, the guest's own answer agrees.`,
  }),
  'ping': ({ from, to, evidence, number }) => ({
    title: `Ping from ${from} to ${to}`,
    expected: 'Every packet is answered.',
    observed: `${number(evidence['received'], 0)} of ${number(evidence['sent'], 0)} answered, round trip ${number(rtt(evidence)?.min)} / ${number(rtt(evidence)?.average)} / ${number(rtt(evidence)?.max)} ms (min/avg/max).`,
  }),
  'transfer': ({ from, to, evidence, number }) => ({
    title: `File transfer from ${from} to ${to}`,
    expected: `${number(evidence['expectedBytes'], 0)} bytes of random data arrive with the same SHA-256.`,
    observed: `${number(evidence['bytes'], 0)} bytes in ${number(evidence['transferSeconds'])} s (${number(evidence['megabytesPerSecond'])} MB/s), SHA-256 equal: ${String(evidence['sha256Received']).slice(0, 16)}…`,
  }),
  'snapshot': ({ hypervisor, evidence, number }) => ({
    title: `Snapshot of the running ${hypervisor} guest`,
    expected: 'Disk and memory are kept, after a marker file was written.',
    observed: `Taken in ${number(evidence['snapshotSeconds'])} s with memory.`,
  }),
  'rollback': ({ hypervisor, evidence, number }) => ({
    title: `Roll back of the ${hypervisor} guest`,
    expected:
      'The folder "uji rollback" made afterwards is gone, the marker has the same SHA-256, and the guest runs on from the snapshot\'s instant.',
    observed: `Rolled back in ${number(evidence['rollbackSeconds'])} s. Folder gone, marker ${String(evidence['markerSha256After']).slice(0, 16)}… unchanged, memory that of the snapshot.`,
  }),
  'load': ({ hypervisor, evidence, number }) => ({
    title: `Load on the ${hypervisor} guest alone`,
    expected: 'The guest does work, and the rate is measured.',
    observed: `${number(evidence['perSecond'])} units of work a second over ${number(evidence['seconds'])} s.${costs.en(evidence, number)}`,
  }),
  'load-both': ({ evidence, number }) => ({
    title: 'Load on both guests at once',
    expected: 'Both guests do work at the same time, and the rates are measured.',
    observed:
      both(evidence)
        .map(
          ([name, load]) =>
            `${name}: ${number(load.together)} units/s, ${number(load.ratio === null ? null : load.ratio * 100, 0)} % of its rate alone`,
        )
        .join('; ') + `.${costs.en(evidence, number)}`,
  }),
  'cleanup': () => ({
    title: 'Clean up',
    expected: 'The guests and the network of the experiment are removed.',
    observed: 'The daemon has destroyed the guests and deleted the network.',
  }),
};

const indonesian: Record<RawCheck['kind'], Writer> = {
  'boot': ({ hypervisor, evidence, number }) => ({
    title: `Guest menyala (boot) di ${hypervisor}`,
    expected: 'Sebuah program di dalam guest menjawab setelah guest dinyalakan.',
    observed: `Menjawab ${number(evidence['bootSeconds'])} detik setelah perintah pembuatan (${String(evidence['channel'])}): ${String(evidence['output'])}`,
  }),
  'address': ({ hypervisor, evidence }) => ({
    title: `Guest ${hypervisor} memperoleh alamat IP`,
    expected: 'Daemon mengetahui alamat guest, dan guest memakai alamat yang sama.',
    observed: `${String(evidence['address'])}, sesuai dengan jawaban guest sendiri.`,
  }),
  'ping': ({ from, to, evidence, number }) => ({
    title: `Ping dari ${from} ke ${to}`,
    expected: 'Setiap paket dijawab.',
    observed: `${number(evidence['received'], 0)} dari ${number(evidence['sent'], 0)} dijawab, waktu bolak-balik ${number(rtt(evidence)?.min)} / ${number(rtt(evidence)?.average)} / ${number(rtt(evidence)?.max)} ms (min/rata-rata/maks).`,
  }),
  'transfer': ({ from, to, evidence, number }) => ({
    title: `Transfer berkas dari ${from} ke ${to}`,
    expected: `${number(evidence['expectedBytes'], 0)} byte data acak tiba dengan SHA-256 yang sama.`,
    observed: `${number(evidence['bytes'], 0)} byte dalam ${number(evidence['transferSeconds'])} detik (${number(evidence['megabytesPerSecond'])} MB/s), SHA-256 sama: ${String(evidence['sha256Received']).slice(0, 16)}…`,
  }),
  'snapshot': ({ hypervisor, evidence, number }) => ({
    title: `Snapshot guest ${hypervisor} yang sedang berjalan`,
    expected: 'Disk dan memori tersimpan, setelah sebuah berkas penanda ditulis.',
    observed: `Diambil dalam ${number(evidence['snapshotSeconds'])} detik beserta memori.`,
  }),
  'rollback': ({ hypervisor, evidence, number }) => ({
    title: `Rollback guest ${hypervisor}`,
    expected: 'Folder "uji rollback" yang dibuat sesudahnya hilang, SHA-256 penanda tetap sama, dan guest berlanjut dari saat snapshot.',
    observed: `Dikembalikan dalam ${number(evidence['rollbackSeconds'])} detik. Folder hilang, penanda ${String(evidence['markerSha256After']).slice(0, 16)}… tidak berubah, memori sesuai snapshot.`,
  }),
  'load': ({ hypervisor, evidence, number }) => ({
    title: `Beban pada guest ${hypervisor} saja`,
    expected: 'Guest bekerja, dan lajunya diukur.',
    observed: `${number(evidence['perSecond'])} satuan kerja per detik selama ${number(evidence['seconds'])} detik.${costs.id(evidence, number)}`,
  }),
  'load-both': ({ evidence, number }) => ({
    title: 'Beban pada kedua guest bersamaan',
    expected: 'Kedua guest bekerja pada waktu yang sama, dan lajunya diukur.',
    observed:
      both(evidence)
        .map(
          ([name, load]) =>
            `${name}: ${number(load.together)} satuan/detik, ${number(load.ratio === null ? null : load.ratio * 100, 0)} % dari lajunya ketika sendiri`,
        )
        .join('; ') + `.${costs.id(evidence, number)}`,
  }),
  'cleanup': () => ({
    title: 'Pembersihan',
    expected: 'Guest dan jaringan percobaan dihapus.',
    observed: 'Daemon telah menghapus guest dan jaringannya.',
  }),
};

/** Puts a check into words. What was not observed is not described: then the reason stands in its place. */
export function describeCheck(check: RawCheck, language: Language): CheckWords {
  const number = (value: unknown, digits = 2): string =>
    typeof value === 'number' ? new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value) : '–';
  const words = (language === 'id' ? indonesian : english)[check.kind]({
    hypervisor: hypervisorName(check.hypervisor),
    from: check.from ? hypervisorName(check.from) : '',
    to: check.to ? hypervisorName(check.to) : '',
    evidence: check.evidence,
    number,
  });
  return check.status === 'passed' ? words : { ...words, observed: check.reason ?? words.observed };
}
