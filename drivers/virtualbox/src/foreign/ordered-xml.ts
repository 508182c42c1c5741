import { XMLBuilder, XMLParser } from 'fast-xml-parser';

/** A document that keeps the order of everything, so that what is not changed is written as it was read. */
export type OrderedNode = { ':@'?: Record<string, string> } & Record<string, OrderedNode[] | string | Record<string, string>>;

const options = {
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '',
  processEntities: false,
  commentPropName: '#comment',
} as const;
const parser = new XMLParser({ ...options, parseAttributeValue: false, parseTagValue: false, trimValues: false });
const builder = new XMLBuilder({ ...options, suppressEmptyNode: true, suppressBooleanAttributes: false });

/** Throws for what is no XML. */
export function parseOrdered(xml: string): OrderedNode[] {
  return parser.parse(xml) as OrderedNode[];
}

export function writeOrdered(nodes: readonly OrderedNode[]): string {
  return builder.build(nodes);
}

/** The element's name; `#text` for text. */
export function nameOf(node: OrderedNode): string {
  return Object.keys(node).find((key) => key !== ':@') ?? '';
}

/** What stands in the element, to be changed in place. */
export function contentOf(node: OrderedNode | undefined): OrderedNode[] {
  if (node === undefined) return [];
  const content = node[nameOf(node)];
  return Array.isArray(content) ? content : [];
}

export function findAll(nodes: readonly OrderedNode[], name: string): OrderedNode[] {
  return nodes.filter((node) => nameOf(node) === name);
}

export function findOne(nodes: readonly OrderedNode[], name: string): OrderedNode | undefined {
  return nodes.find((node) => nameOf(node) === name);
}

/** An attribute's value, its entities resolved. */
export function getAttribute(node: OrderedNode | undefined, name: string): string | undefined {
  const raw = node?.[':@']?.[name];
  return raw === undefined ? undefined : decode(raw);
}

/** Sets an attribute, or takes it away. */
export function setAttribute(node: OrderedNode, name: string, value: string | undefined): void {
  const attributes = (node[':@'] ??= {});
  if (value === undefined) delete attributes[name];
  else attributes[name] = encode(value);
}

export function element(name: string, attributes: Readonly<Record<string, string>> = {}, content: OrderedNode[] = []): OrderedNode {
  const node: OrderedNode = { [name]: content };
  node[':@'] = Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, encode(value)]));
  return node;
}

export function textNode(value: string): OrderedNode {
  return { '#text': encode(value) };
}

/** The text that stands in the element, its entities resolved. */
export function textOf(node: OrderedNode | undefined): string {
  const parts = findAll(contentOf(node), '#text').map((part) => part['#text']);
  return decode(parts.filter((part) => typeof part === 'string').join(''));
}

const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function decode(raw: string): string {
  return raw.replaceAll(/&(#x[0-9a-fA-F]{1,6}|#\d{1,7}|[a-z]+);/gu, (whole, name: string) => {
    if (!name.startsWith('#')) return entities[name] ?? whole;
    const code = name.startsWith('#x') ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
    return code <= 0x10_ff_ff ? String.fromCodePoint(code) : whole;
  });
}

function encode(value: string): string {
  return value.replaceAll(/[&<>"\t\n\r]/gu, (character) => {
    const name = Object.entries(entities).find(([, meaning]) => meaning === character)?.[0] ?? `#${character.codePointAt(0)}`;
    return `&${name};`;
  });
}
