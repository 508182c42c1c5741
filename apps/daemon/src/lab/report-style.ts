/** The report's style sheet: system fonts, both colour schemes, A4 when printed. */
export const reportStyle = `
:root{color-scheme:light dark;--ink:#1b2733;--paper:#fff;--line:#d5dde5;--soft:#f3f6f9;--good:#1a7f37;--bad:#b42318;--none:#6b7280;--alone:#2563a8;--together:#b45309}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--paper:#12181f;--line:#2f3b48;--soft:#1b242e;--good:#4ac26b;--bad:#ff7b72;--none:#9aa4af;--alone:#6cb0f5;--together:#f0a35e}}
body{margin:0 auto;max-width:60rem;padding:2rem 1.25rem;font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 .5rem}h2{font-size:1.25rem;margin:2.25rem 0 .5rem}h3{font-size:1rem;margin:0 0 .25rem}
h3 small{font-weight:400;color:var(--none)}
table{border-collapse:collapse;width:100%;font-size:.9rem}th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid var(--line)}
thead th{background:var(--soft)}code{font-size:.8rem;color:var(--none)}.figure{text-align:right;font-variant-numeric:tabular-nums}
.mark{white-space:nowrap;font-weight:600}.passed .mark,span.passed,.verdict.passed{color:var(--good)}.failed .mark,span.failed,.verdict.failed{color:var(--bad)}.not-measured .mark,span.not-measured{color:var(--none)}
.verdict{font-size:1.2rem;font-weight:600}.check{border-top:1px solid var(--line);padding:.8rem 0}
dl{display:grid;grid-template-columns:7rem 1fr;gap:.15rem .75rem;margin:.25rem 0}dt{color:var(--none)}dd{margin:0}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--soft);padding:.75rem;font-size:.78rem}
figure{margin:.5rem 0}svg{width:100%;max-width:44rem;height:auto}svg text{font:13px system-ui,sans-serif;fill:var(--ink)}rect.alone{fill:var(--alone)}rect.together{fill:var(--together)}
figcaption,footer{color:var(--none);font-size:.85rem}
@page{size:A4;margin:16mm}
@media print{body{max-width:none;padding:0;font-size:10.5pt}:root{color-scheme:light}.check,tr,figure{break-inside:avoid}details>pre{display:block}}
`;
