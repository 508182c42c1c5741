import { Lexer, type Token, type Tokens } from 'marked';
import type { ReactNode } from 'react';

import { safeLink } from './safe-link.ts';
import './markdown.css';

/**
 * Markdown of a person as elements of the page. The library only takes the text apart; what becomes of each part is decided
 * here, so HTML stays text, nothing is loaded from elsewhere, and a link leads to the web or to a mail only.
 */
export function Markdown({ text }: { text: string }) {
  return <div className="nk-markdown nk-isolate">{blocks(Lexer.lex(text, { gfm: true, breaks: true }))}</div>;
}

function blocks(tokens: readonly Token[]): ReactNode[] {
  return tokens.map((token, index) => <Part key={index} token={token as Tokens.Generic} />);
}

/** Headings of the notes lie below those of the page. */
const headings = ['h3', 'h4', 'h5', 'h6'] as const;

function Part({ token }: { token: Tokens.Generic }): ReactNode {
  const inner = blocks(token.tokens ?? []);
  switch (token.type) {
    case 'heading': {
      const Heading = headings[Math.min((token as Tokens.Heading).depth, headings.length) - 1] ?? 'h6';
      return <Heading>{inner}</Heading>;
    }
    case 'paragraph':
      return <p>{inner}</p>;
    case 'strong':
      return <strong>{inner}</strong>;
    case 'em':
      return <em>{inner}</em>;
    case 'del':
      return <del>{inner}</del>;
    case 'blockquote':
      return <blockquote>{inner}</blockquote>;
    case 'code':
      return (
        <pre>
          <code>{(token as Tokens.Code).text}</code>
        </pre>
      );
    case 'codespan':
      return <code>{(token as Tokens.Codespan).text}</code>;
    case 'br':
      return <br />;
    case 'hr':
      return <hr />;
    case 'link':
      return <Anchor href={(token as Tokens.Link).href}>{inner}</Anchor>;
    // A picture would be fetched from wherever the writer likes: it is a link.
    case 'image':
      return <Anchor href={(token as Tokens.Image).href}>{(token as Tokens.Image).text || (token as Tokens.Image).href}</Anchor>;
    case 'list':
      return <List list={token as Tokens.List} />;
    case 'table':
      return <TableOf table={token as Tokens.Table} />;
    case 'space':
    case 'def':
      return null;
    case 'checkbox':
      return null;
    case 'escape':
      return (token as Tokens.Escape).text;
    case 'text':
      return token.tokens === undefined ? (token as Tokens.Text).text : inner;
    default:
      // HTML, and whatever the library will know one day.
      return token.raw;
  }
}

function Anchor({ href, children }: { href: string; children: ReactNode }) {
  const safe = safeLink(href);
  if (safe === null) return children;
  return (
    <a href={safe} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  );
}

function List({ list }: { list: Tokens.List }) {
  const items = list.items.map((item, index) => (
    <li key={index} className={item.task ? 'nk-markdown__task' : undefined}>
      {item.task && <span>{item.checked === true ? '☑' : '☐'} </span>}
      {blocks(item.tokens)}
    </li>
  ));
  return list.ordered ? <ol start={list.start === '' ? 1 : list.start}>{items}</ol> : <ul>{items}</ul>;
}

function TableOf({ table }: { table: Tokens.Table }) {
  return (
    <div className="nk-markdown__table" tabIndex={0} role="group">
      <table>
        <thead>
          <tr>
            {table.header.map((cell, index) => (
              <th key={index} scope="col">
                {blocks(cell.tokens)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows.map((row, index) => (
            <tr key={index}>
              {row.map((cell, column) => (
                <td key={column}>{blocks(cell.tokens)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
