/**
 * What the messages of the API look like, field by field: the generated classes do not tell. Read from descriptor.json, which is made of proto/
 * along with them.
 */

import { readFileSync } from 'node:fs';
import { type Bytes, present } from '../../../base/index.ts';
import * as gen from '../../../gen/etcd.js';

export interface Field {
  readonly name: string;
  readonly isRepeated: boolean;
  readonly type: 'bytes' | 'string' | 'bool' | 'int32' | 'int64' | EnumType | Shape;
}

export interface EnumType {
  readonly kind: 'enum';
  readonly name: string;
  readonly numbers: ReadonlyMap<string, number>;
  readonly names: ReadonlyMap<number, string>;
}

/** Of a generated class, what is needed here. */
interface MessageClass {
  decode(bytes: Bytes): unknown;
  toObject(message: unknown, options: object): Readonly<Record<string, unknown>>;
  fromObject(fields: object): unknown;
  encode(message: unknown): { finish(): Bytes };
}

export interface Shape {
  readonly kind: 'message';
  readonly messageClass: MessageClass;
  /** In the order of the proto file. */
  readonly fields: readonly Field[];
  /** By its name there, and by that name in lowerCamelCase, which proto's JSON takes as well. */
  readonly byName: ReadonlyMap<string, Field>;
}

export interface MethodShape {
  readonly request: Shape;
  readonly response: Shape;
}

interface Node {
  readonly nested?: Readonly<Record<string, Node>>;
  readonly fields?: Readonly<Record<string, { readonly type: string; readonly rule?: string }>>;
  readonly values?: Readonly<Record<string, number>>;
  readonly methods?: Readonly<Record<string, { readonly requestType: string; readonly responseType: string }>>;
}

const INT64: ReadonlySet<string> = new Set(['int64', 'uint64', 'sint64', 'fixed64', 'sfixed64']);
const INT32: ReadonlySet<string> = new Set(['int32', 'uint32', 'sint32', 'fixed32', 'sfixed32']);

export class Shapes {
  readonly #root: Node;
  readonly #shapes = new Map<string, Shape>();

  constructor() {
    const file = new URL('../../../gen/descriptor.json', import.meta.url);
    this.#root = JSON.parse(readFileSync(file, 'utf8')) as Node;
  }

  /** Of '/package.Service/Method'. */
  method(name: string): MethodShape {
    const [service = '', method = ''] = name.slice(1).split('/');
    const scope = service.split('.');
    const { requestType, responseType } = present(this.#node(scope)?.methods?.[method], `the method ${name}`);
    return { request: this.#shape(requestType, scope), response: this.#shape(responseType, scope) };
  }

  #shape(type: string, scope: readonly string[]): Shape {
    const found = this.#find(type, scope);
    if (!('fields' in found)) throw new Error(`${type} is no message`);
    return found;
  }

  /** Looks for the name within, and then further and further out, as proto does. */
  #find(type: string, scope: readonly string[]): Shape | EnumType {
    for (let depth = scope.length; depth >= 0; depth--) {
      const path = [...scope.slice(0, depth), ...type.split('.')];
      const node = this.#node(path);
      if (node?.values !== undefined) return enumOf(type, node.values);
      if (node?.fields !== undefined) return this.#message(path, node.fields);
    }
    throw new Error(`there is no type ${type} in ${scope.join('.')}`);
  }

  #message(path: readonly string[], described: NonNullable<Node['fields']>): Shape {
    const name = path.join('.');
    const known = this.#shapes.get(name);
    if (known !== undefined) return known;
    const fields: Field[] = [];
    const byName = new Map<string, Field>();
    const shape: Shape = { kind: 'message', messageClass: classAt(path), fields, byName };
    // Before its fields: a transaction may be within a transaction.
    this.#shapes.set(name, shape);
    for (const [fieldName, { type, rule }] of Object.entries(described)) {
      const field = { name: fieldName, isRepeated: rule === 'repeated', type: this.#type(type, path) };
      fields.push(field);
      byName.set(fieldName, field);
      byName.set(
        fieldName.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()),
        field,
      );
    }
    return shape;
  }

  #type(type: string, scope: readonly string[]): Field['type'] {
    if (type === 'bytes' || type === 'string' || type === 'bool') return type;
    if (INT64.has(type)) return 'int64';
    if (INT32.has(type)) return 'int32';
    return this.#find(type, scope);
  }

  #node(path: readonly string[]): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const name of path) node = node?.nested?.[name];
    return node;
  }
}

function enumOf(name: string, values: Readonly<Record<string, number>>): EnumType {
  const entries = Object.entries(values);
  return {
    kind: 'enum',
    name,
    numbers: new Map(entries),
    names: new Map(entries.map(([text, number]) => [number, text])),
  };
}

function classAt(path: readonly string[]): MessageClass {
  let found: unknown = gen;
  for (const name of path) found = (found as Readonly<Record<string, unknown>>)[name];
  return found as MessageClass;
}
