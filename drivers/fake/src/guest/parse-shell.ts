/** A piece of a word: text as it stands, or a variable to be put in. */
export type WordPart = { text: string } | { variable: string; quoted: boolean };
export type Word = WordPart[];

export interface ShellCommand {
  assignments: { name: string; value: Word }[];
  words: Word[];
  redirects: Redirect[];
}

export interface Redirect {
  /** 0 to 2: which of the command's streams. */
  from: number;
  /** A file to read, replace or extend, or another stream to join. */
  to: { read: Word } | { replace: Word } | { append: Word } | { stream: number };
}

/** Commands joined by pipes, and when to run them after what came before. */
export interface ShellStep {
  when: 'always' | 'success' | 'failure';
  pipeline: ShellCommand[];
}

/** A line that is not in the small part of the shell's language that is understood here. */
export class ShellSyntaxError extends Error {}

type Token = { word: Word } | { operator: string; from?: number };

const separators: Record<string, ShellStep['when']> = { ';': 'always', '\n': 'always', '&&': 'success', '||': 'failure' };

/**
 * Reads a line: commands with quotes, variables and assignments; `;`, `&&`, `||`, pipes and redirections.
 * No loops, conditions, globs or substitutions of commands: those are a ShellSyntaxError.
 */
export function parseShell(line: string): ShellStep[] {
  const steps: ShellStep[] = [];
  let step: ShellStep = { when: 'always', pipeline: [newCommand()] };
  const tokens = tokenize(line);
  const endStep = (): void => {
    const last = step.pipeline.at(-1);
    if (last && !isEmpty(last)) steps.push(step);
    else if (step.pipeline.length > 1 || step.when !== 'always') throw new ShellSyntaxError('a command is missing');
  };

  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index];
    const command = step.pipeline.at(-1);
    if (!token || !command) break;
    if ('word' in token) {
      const assignment = command.words.length === 0 ? asAssignment(token.word) : null;
      if (assignment) command.assignments.push(assignment);
      else command.words.push(token.word);
      continue;
    }
    const when = separators[token.operator];
    if (when !== undefined) {
      if (isEmpty(command) && token.operator !== '\n') throw new ShellSyntaxError(`unexpected ${token.operator}`);
      endStep();
      step = { when, pipeline: [newCommand()] };
    } else if (token.operator === '|') {
      if (isEmpty(command)) throw new ShellSyntaxError('unexpected |');
      step.pipeline.push(newCommand());
    } else {
      const next = tokens[++index];
      if (!next || !('word' in next)) throw new ShellSyntaxError(`nothing after ${token.operator}`);
      command.redirects.push(redirect(token, next.word));
    }
  }
  endStep();
  return steps;
}

function newCommand(): ShellCommand {
  return { assignments: [], words: [], redirects: [] };
}

function isEmpty(command: ShellCommand): boolean {
  return command.assignments.length + command.words.length + command.redirects.length === 0;
}

function asAssignment(word: Word): { name: string; value: Word } | null {
  const [first, ...rest] = word;
  if (!first || !('text' in first)) return null;
  const match = /^([A-Za-z_]\w*)=([^]*)$/u.exec(first.text);
  return match?.[1] === undefined ? null : { name: match[1], value: [{ text: match[2] ?? '' }, ...rest] };
}

function redirect(token: { operator: string; from?: number }, target: Word): Redirect {
  const from = token.from ?? (token.operator === '<' ? 0 : 1);
  if (token.operator === '<') return { from, to: { read: target } };
  if (token.operator === '>') return { from, to: { replace: target } };
  if (token.operator === '>>') return { from, to: { append: target } };
  const [part] = target;
  if (part && 'text' in part && /^[12]$/u.test(part.text)) return { from, to: { stream: Number(part.text) } };
  throw new ShellSyntaxError('only >&1 and >&2 are understood');
}

function tokenize(line: string): Token[] {
  const tokens: Token[] = [];
  let rest = line;
  /** Null between words: '' would be an empty word such as two quotes make. */
  let word: Word | null = null;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    const match = pattern.exec(rest);
    if (match) rest = rest.slice(match[0].length);
    return match;
  };
  const endWord = (): void => {
    if (word) tokens.push({ word });
    word = null;
  };
  const add = (part: WordPart): void => {
    word ??= [];
    const last = word.at(-1);
    if (last && 'text' in last && 'text' in part) last.text += part.text;
    else word.push(part);
  };
  const variable = (quoted: boolean): boolean => {
    const match = take(/^\$(?:\{(\w+)\}|([A-Za-z_]\w*|[0-9?#@*]))/u);
    if (match) add({ variable: match[1] ?? match[2] ?? '', quoted });
    return match !== null;
  };

  while (rest !== '') {
    if (take(/^[ \t]+/u)) endWord();
    else if (!word && take(/^#[^\n]*/u)) continue;
    else if (/^(?:\$\(|`|[()]|&(?!&))/u.test(rest)) throw new ShellSyntaxError(`${rest[0]} is not understood here`);
    else {
      const operator: RegExpExecArray | null = word ? null : take(/^([012]?)(>>|>&|>|<)[ \t]*/u);
      if (operator) {
        tokens.push({ operator: operator[2] ?? '', ...(operator[1] ? { from: Number(operator[1]) } : {}) });
        continue;
      }
      const separator = /^(?:&&|\|\||[;|\n]|>>|>&|>|<)/u.exec(rest);
      if (separator) {
        endWord();
        if (/^[<>]/u.test(separator[0])) continue;
        rest = rest.slice(separator[0].length);
        tokens.push({ operator: separator[0] });
        continue;
      }
      const single = take(/^'([^']*)'/u);
      if (single) add({ text: single[1] ?? '' });
      else if (take(/^"/u)) {
        add({ text: '' });
        while (!take(/^"/u)) {
          if (rest === '') throw new ShellSyntaxError('a quote is not closed');
          if (/^(?:\$\(|`)/u.test(rest)) throw new ShellSyntaxError('substitution of commands is not understood here');
          if (variable(true)) continue;
          const text = take(/^\\([$`"\\])/u)?.[1] ?? take(/^[^]/u)?.[0] ?? '';
          add({ text });
        }
      } else if (!variable(false)) {
        const escaped = take(/^\\([^])/u)?.[1];
        const text = escaped ?? take(/^[^\s'"\\$;|&<>()`]+|^[^]/u)?.[0] ?? '';
        if (escaped === undefined && text === "'") throw new ShellSyntaxError('a quote is not closed');
        add({ text });
      }
    }
  }
  endWord();
  return tokens;
}
