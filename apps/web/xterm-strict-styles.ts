import type { Plugin } from 'vite';

/** What xterm.js 6.0 does that `style-src 'self'` refuses, and the same done through the CSSOM, which it does not refuse. */
const replacements = [
  // Style sheets of a terminal's size, colours and scroll bar: an element of ours with a constructed style sheet.
  { from: 'createElement("style")', to: 'createElement("nk-sheet")', times: 3 },
  // Colours of a cell that are not in the palette.
  { from: 't.setAttribute("style",`${t.getAttribute("style")||""}${e};`)', to: 't.style.cssText+=`${e};`', times: 1 },
] as const;

/**
 * Has xterm.js keep the page's strict content security policy, for which 6.0 has no option (xtermjs/xterm.js issue 4445).
 * A version in which one of the places is missing or new fails the build.
 */
export function xtermStrictStyles(): Plugin {
  return {
    name: 'nakhoda-xterm-strict-styles',
    transform: {
      filter: { id: /@xterm\/xterm\/lib\/xterm\.mjs$/u },
      handler(code) {
        let changed = code;
        for (const { from, to, times } of replacements) {
          const parts = changed.split(from);
          if (parts.length - 1 !== times)
            throw new Error(`xterm.js has ${from} ${parts.length - 1} times, not ${times}: look at it again.`);
          changed = parts.join(to);
        }
        return { code: changed, map: null };
      },
    },
  };
}
