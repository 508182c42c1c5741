import assert from 'node:assert/strict';
import { test } from 'node:test';

import { guestCommands } from './guest-commands.ts';
import { GuestFiles, newFiles } from './guest-files.ts';
import { runShell } from './guest-shell.ts';
import { formatPrintf } from './printf.ts';

async function shell(line: string, positional: string[] = ['sh', 'a b', 'c']): Promise<string> {
  let text = '';
  const print = (data: Uint8Array | string): void => void (text += Buffer.from(data).toString('utf8'));
  const files = new GuestFiles({ '/data': null }, newFiles({ '/etc/hostname': 'tiny\n' }));
  const io = {
    files,
    stdin: Buffer.alloc(0),
    stdout: print,
    stderr: print,
    variables: { X: 'one  two' },
    cores: 2,
    commands: guestCommands,
  };
  const { code } = await runShell(line, { ...io, signal: new AbortController().signal, power: () => {} }, positional);
  return `${code}:${text}`;
}

// Line, then exit code and output. Compared with busybox 1.35's sh: the same but for the words of its error messages.
const lines: [string, string][] = [
  ['echo a  b', '0:a b\n'],
  [`echo 'a  "b' "c'  d" e\\ \\'f`, `0:a  "b c'  d e 'f\n`],
  [`echo one''-two "" x`, '0:one-two  x\n'],
  ['echo $X "$X" "${X}s" \'$X\' \\$X', '0:one two one  two one  twos $X $X\n'],
  ['printf "[%s]" "$@" $1 "$#" "$2"', '0:[a b][c][a][b][2][c]'],
  ['X=1; echo $X; Y=a=b; echo $Y', '0:1\na=b\n'],
  ['true && echo yes || echo no', '0:yes\n'],
  ['false && echo yes || echo no', '0:no\n'],
  ['false; echo $?', '0:1\n'],
  ['sh -c "exit 200"; echo $?', '0:200\n'],
  ['echo a; exit 3; echo b', '3:a\n'],
  ['exit 300', '44:'],
  ['nonsense', '127:sh: nonsense: not found\n'],
  ['echo a > /run/x; echo b >> /run/x; cat /run/x; cat < /run/x', '0:a\nb\na\nb\n'],
  ['echo a>/run/x;cat /run/x', '0:a\n'],
  ['echo err >&2 2>/dev/null; echo out 2>&1', '0:err\nout\n'],
  ['echo lost >/dev/null', '0:'],
  ['echo a | cat | sha256sum', '0:87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7  -\n'],
  ['echo a # comment', '0:a\n'],
  ['echo a\necho b', '0:a\nb\n'],
  ['mkdir -p "/data/uji rollback/x"; ls /data; ls "/data/uji rollback"; test -d /data/x', '1:uji rollback\nx\n'],
  ['mkdir /data', '1:mkdir: /data: File exists\n'],
  ['cd /data; pwd; touch f; ls; rm f; ls', '0:/data\nf\n'],
  ['rm /nothing; rm -f /nothing; rm /data', '1:rm: /nothing: No such file or directory\nrm: /data: Is a directory\n'],
  ['[ -e /etc/hostname ] && hostname', '0:tiny\n'],
  ['echo x > /data/a; mv /data/a /data/b; cat /data/b; cat /data/a', '1:x\ncat: /data/a: No such file or directory\n'],
  ['echo "open', '2:sh: syntax error: a quote is not closed\n'],
  ['echo $(date)', '2:sh: syntax error: $ is not understood here\n'],
  ['; echo', '2:sh: syntax error: unexpected ;\n'],
  ['echo a &&', '2:sh: syntax error: a command is missing\n'],
];

for (const [line, expected] of lines) {
  test(`shell: ${JSON.stringify(line)}`, async () => {
    assert.equal(await shell(line), expected);
  });
}

test('printf repeats its format and writes bytes', () => {
  const text = (format: string, ...values: string[]): string => formatPrintf(format, values).toString('latin1');
  assert.equal(text('[%s]\n', 'a', '', '-n'), '[a]\n[]\n[-n]\n');
  assert.equal(text('%s-%s|', 'a', 'b', 'c'), 'a-b|c-|');
  assert.equal(text('%05d%%\\000\\377\\033[0m'), '00000%\0\u00ff\u001b[0m');
  assert.equal(text('nothing', 'a', 'b'), 'nothing');
});
