import type { LabReport, Language } from '@nakhoda/schema';

import { reportStyle } from './report-style.ts';
import { hypervisorName } from './texts.ts';

const words = {
  en: {
    'title': 'Multi-hypervisor experiment: KVM/QEMU and VirtualBox on one host',
    'passed': 'passed',
    'failed': 'failed',
    'not-measured': 'not measured',
    'allPassed': 'All checks passed.',
    'notAll': (passed: number, all: number) => `${passed} of ${all} checks passed.`,
    'host': 'Host',
    'hypervisors': 'Hypervisors',
    'checks': 'Checks',
    'load': 'Work done per second',
    'alone': 'alone',
    'together': 'both at once',
    'expected': 'Expected',
    'observed': 'Observed',
    'evidence': 'Evidence',
    'result': 'Result',
    'check': 'Check',
    'seconds': 'Seconds',
    'from': 'from',
    'to': 'to',
    'reason': 'Why so',
    'remedy': 'Remedy',
    'usable': 'usable',
    'unusable': 'unusable',
    'made': (version: string) => `Made by Nakhoda ${version} (nakhoda lab run).`,
    'bars': 'Each bar is the rate that the guest itself counted; units are the same for both guests.',
  },
  id: {
    'title': 'Percobaan multi-hypervisor: KVM/QEMU dan VirtualBox pada satu host',
    'passed': 'lulus',
    'failed': 'gagal',
    'not-measured': 'tidak diukur',
    'allPassed': 'Semua pemeriksaan lulus.',
    'notAll': (passed: number, all: number) => `${passed} dari ${all} pemeriksaan lulus.`,
    'host': 'Host',
    'hypervisors': 'Hypervisor',
    'checks': 'Pemeriksaan',
    'load': 'Kerja yang diselesaikan per detik',
    'alone': 'sendiri',
    'together': 'bersamaan',
    'expected': 'Diharapkan',
    'observed': 'Diamati',
    'evidence': 'Bukti',
    'result': 'Hasil',
    'check': 'Pemeriksaan',
    'seconds': 'Detik',
    'from': 'mulai',
    'to': 'sampai',
    'reason': 'Alasan',
    'remedy': 'Tindakan',
    'usable': 'dapat dipakai',
    'unusable': 'tidak dapat dipakai',
    'made': (version: string) => `Dibuat oleh Nakhoda ${version} (nakhoda lab run).`,
    'bars': 'Setiap batang adalah laju yang dihitung oleh guest sendiri; satuannya sama untuk kedua guest.',
  },
} satisfies Record<Language, Record<string, unknown>>;

const marks = { 'passed': '✓', 'failed': '✗', 'not-measured': '–' } as const;

/** Text that came from anywhere, made harmless in HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/gu, (character) => `&#${character.charCodeAt(0)};`);
}

/** The report as one page without any other file: for the screen and for A4 paper. Pure. */
export function renderReport(report: LabReport): string {
  const { language } = report;
  const w = words[language];
  const time = new Intl.DateTimeFormat(language, { dateStyle: 'long', timeStyle: 'medium', timeZone: 'UTC' });
  const passed = report.checks.filter((check) => check.status === 'passed').length;
  const verdict = report.ok ? w.allPassed : w.notAll(passed, report.checks.length);

  const facts = report.host.check.facts
    .map(
      (fact) =>
        `<tr><th scope="row">${escapeHtml(fact.title)}</th><td>${escapeHtml(fact.value)}</td><td>${escapeHtml(fact.reason)}${fact.remedy ? `<br><em>${w.remedy}: ${escapeHtml(fact.remedy)}</em>` : ''}</td></tr>`,
    )
    .join('\n');
  const hypervisors = report.host.hypervisors
    .map(
      (one) =>
        `<tr><th scope="row">${escapeHtml(hypervisorName(one.id))}</th><td>${escapeHtml(one.version ?? '–')}, ${one.usable ? w.usable : w.unusable}${one.execution ? `, ${one.execution.mode}` : ''}</td><td>${escapeHtml([one.execution?.reason ?? '', ...one.reasons].join(' '))}</td></tr>`,
    )
    .join('\n');
  const rows = report.checks
    .map(
      (check) =>
        `<tr class="${check.status}"><td class="mark"><span aria-hidden="true">${marks[check.status]}</span> ${w[check.status]}</td><td>${escapeHtml(check.title)}<br><code>${escapeHtml(check.id)}</code></td><td>${escapeHtml(check.observed)}</td><td class="figure">${new Intl.NumberFormat(language, { maximumFractionDigits: 1 }).format(check.seconds)}</td></tr>`,
    )
    .join('\n');
  const details = report.checks
    .map(
      (check) => `<section class="check">
<h3><span class="${check.status}" aria-hidden="true">${marks[check.status]}</span> ${escapeHtml(check.title)} <small>${w[check.status]}</small></h3>
<dl><dt>${w.expected}</dt><dd>${escapeHtml(check.expected)}</dd><dt>${w.observed}</dt><dd>${escapeHtml(check.observed)}</dd></dl>
<details><summary>${w.evidence}</summary><pre>${escapeHtml(JSON.stringify(check.evidence, null, 2).replaceAll('\\n', '\n  '))}</pre></details>
</section>`,
    )
    .join('\n');

  return `<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(w.title)}</title>
<style>${reportStyle}</style>
</head>
<body>
<header>
<h1>${escapeHtml(w.title)}</h1>
<p>${escapeHtml(report.host.check.hostname)} · ${w.from} ${time.format(new Date(report.startedAt))} ${w.to} ${time.format(new Date(report.endedAt))} UTC</p>
<p class="verdict ${report.ok ? 'passed' : 'failed'}">${verdict}</p>
</header>
<main>
<h2>${w.checks}</h2>
<table><thead><tr><th scope="col">${w.result}</th><th scope="col">${w.check}</th><th scope="col">${w.observed}</th><th scope="col">${w.seconds}</th></tr></thead><tbody>
${rows}
</tbody></table>
${loadChart(report)}
<h2>${w.hypervisors}</h2>
<table><tbody>${hypervisors}</tbody></table>
<h2>${w.host}</h2>
<table><tbody>${facts}</tbody></table>
<h2>${w.evidence}</h2>
${details}
</main>
<footer><p>${w.made(escapeHtml(report.nakhoda))}</p></footer>
</body>
</html>
`;
}

/** Bars of the load rates, as SVG with the figures in text. Empty when the load was not measured. */
function loadChart(report: LabReport): string {
  const w = words[report.language];
  const both = report.checks.find((check) => check.id === 'load.both' && check.status === 'passed');
  const guests = both?.evidence['guests'] as Record<string, { alone: number | null; together: number | null }> | undefined;
  if (!guests) return '';
  const bars = Object.entries(guests).flatMap(([id, load]) => {
    const name = id === 'qemu' || id === 'virtualbox' || id === 'fake' ? hypervisorName(id) : id;
    return [
      { label: `${name}, ${w.alone}`, value: load.alone, colour: 'alone' },
      { label: `${name}, ${w.together}`, value: load.together, colour: 'together' },
    ];
  });
  const largest = Math.max(...bars.map((bar) => bar.value ?? 0), Number.MIN_VALUE);
  const number = new Intl.NumberFormat(report.language, { maximumFractionDigits: 1 });
  const rows = bars.map((bar, index) => {
    const y = index * 30;
    const width = ((bar.value ?? 0) / largest) * 340;
    const figure = bar.value === null ? w['not-measured'] : number.format(bar.value);
    return `<text x="0" y="${y + 17}">${escapeHtml(bar.label)}</text><rect class="${bar.colour}" x="220" y="${y + 3}" width="${width.toFixed(1)}" height="20"/><text x="${(226 + width).toFixed(1)}" y="${y + 17}">${figure}</text>`;
  });
  return `<h2>${w.load}</h2>
<figure><svg viewBox="0 0 640 ${bars.length * 30}" role="img" aria-label="${escapeHtml(w.load)}">${rows.join('')}</svg><figcaption>${w.bars}</figcaption></figure>`;
}
