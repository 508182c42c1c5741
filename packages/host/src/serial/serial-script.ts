import { createHash } from 'node:crypto';

/** Quotes a word for the guest's shell: nothing in it is special between single quotes but the quote itself. */
export function shellQuote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * Base64 in lines of 1,024 characters. A terminal takes at most 4,095 bytes a line (termios(3), canonical mode),
 * and `head -n` on a terminal reads line by line, so it takes these lines and nothing typed after them.
 */
export function base64Lines(data: Uint8Array): string[] {
  return (
    Buffer.from(data)
      .toString('base64')
      .match(/.{1,1024}/g) ?? ['']
  );
}

/** Where an operation's upload stands in the guest while it is needed. */
export function uploadPath(id: string): string {
  return `/tmp/nakhoda-${id}`;
}

/**
 * The line to type that takes an upload of `data` and then runs `then` (shell words), if what arrived is whole.
 * The guest says `<id:go>` when the lines may come and `<id:bad>` when they arrived damaged. `""` keeps the shell's
 * echo of the line from looking like the answer. Short, because the line editor takes 1,023 characters.
 */
export function uploadCommand(id: string, data: Uint8Array, then: string): string {
  const path = uploadPath(id);
  const md5 = createHash('md5').update(data).digest('hex');
  const lines = base64Lines(data).length;
  return (
    `stty -echo;echo "<""${id}:go>";timeout 60 head -n ${lines}|base64 -d>${path};` +
    `if [ "$(md5sum<${path})" = "${md5}  -" ];then ${then};else echo "<""${id}:bad>";fi;rm -f ${path};stty echo`
  );
}

/**
 * The script that runs `argv` and reports on the console, for busybox's sh. Frames: `<id:o:BASE64>` and
 * `<id:e:BASE64>` for output, then `<id:x:EXITCODE:KILLED:BYTES-OUT:BYTES-ERR>`;
 * or `<id:n>` when there is no such program, `<id:t>` when there is no place for the output.
 * `input` is its standard input; without it there is none. The program gets a session of its own, so that Ctrl-C reaches only the script, which then kills the whole group.
 */
export function execScript(id: string, argv: readonly string[], input?: Uint8Array): string {
  const file = input === undefined ? '/dev/null' : '$d/i';
  const makeFile = input === undefined ? '' : ` && base64 -d >$d/i <<'E'\n${base64Lines(input).join('\n')}\nE`;
  return `d=${uploadPath(id)}.d
set -- ${argv.map(shellQuote).join(' ')}
command -v "$1" >/dev/null 2>&1 || { echo "<${id}:n>"; exit 0; }
mkdir -m 700 $d && : >$d/o && : >$d/e${makeFile}
[ $? = 0 ] || { echo "<${id}:t>"; exit 0; }
exec 3<$d/o 4<$d/e
r() { while c=$(dd bs=3072 count=1 2>/dev/null | base64); [ "$c" ]; do echo "<${id}:$1:$c>"; done; }
k=0 t=10000
setsid "$@" <${file} >$d/o 2>$d/e 3<&- 4<&- &
p=$!
trap 'k=1; kill -9 -$p 2>/dev/null || kill -9 $p' INT HUP
while kill -0 $p 2>/dev/null; do
  usleep $t
  [ $t -ge 200000 ] || t=$((t * 2))
  [ ! -s $d/o ] || r o <&3
  [ ! -s $d/e ] || r e <&4
done
wait $p
s=$?
r o <&3
r e <&4
echo "<${id}:x:$s:$k:$(wc -c <$d/o):$(wc -c <$d/e)>"
rm -rf $d
`;
}
