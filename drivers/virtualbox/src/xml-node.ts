import { XMLParser } from 'fast-xml-parser';

/** An element: its attributes by `@name`, its elements by name as arrays, its text by `#text`. */
export interface XmlNode {
  [name: string]: XmlNode[] | string | undefined;
}

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  parseAttributeValue: false,
  parseTagValue: false,
  trimValues: false,
  // Every element as an array: one snapshot and ten then look the same.
  isArray: (_name, _path, _isLeaf, isAttribute) => !isAttribute,
  alwaysCreateTextNode: true,
  htmlEntities: true,
});

/** Throws for what is no XML. */
export function parseXml(xml: string): XmlNode {
  return parser.parse(xml) as XmlNode;
}

/** The elements `name` directly in `node`; an empty or absent element gives none. */
export function children(node: XmlNode | undefined, name: string): XmlNode[] {
  const found = node?.[name];
  return Array.isArray(found) ? found.filter((child) => typeof child === 'object') : [];
}

/** The first of them. */
export function child(node: XmlNode | undefined, name: string): XmlNode | undefined {
  return children(node, name)[0];
}

/** An attribute's value. */
export function attribute(node: XmlNode | undefined, name: string): string | undefined {
  const value = node?.[`@${name}`];
  return typeof value === 'string' ? value : undefined;
}

/** What stands between an element's tags. */
export function text(node: XmlNode | undefined): string {
  const value = node?.['#text'];
  return typeof value === 'string' ? value : '';
}

/** VirtualBox writes UUIDs in braces, and everybody else without. */
export function plainUuid(value: string | undefined): string | null {
  return value === undefined ? null : value.replace(/^\{|\}$/g, '').toLowerCase();
}
