/** From proto's JSON to the bytes of a message: bytes in base64, integers of 64 bits as text or number, enums by name or number. */

import type { Bytes } from '../../../base/index.ts';
import type { Field, Shape } from './shape.ts';

/** What came is no such message. */
export class JsonError extends Error {
  override readonly name = 'JsonError';
}

/** The message that a JSON text says. Fields that nobody knows are passed over. Throws JsonError. */
export function requestOf(shape: Shape, text: string): Bytes {
  let value: unknown;
  try {
    value = JSON.parse(withLongIntegersAsText(text));
  } catch (error) {
    throw new JsonError('the request is no JSON', { cause: error });
  }
  const { messageClass } = shape;
  return messageClass.encode(messageClass.fromObject(fieldsOf(shape, value ?? {}, 'the request'))).finish();
}

/** JavaScript's numbers have 53 bits. */
function withLongIntegersAsText(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g, (token) =>
    token.startsWith('"') ? token : `"${token}"`,
  );
}

function fieldsOf(shape: Shape, value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new JsonError(`${where} must be an object`);
  }
  const fields: Record<string, unknown> = {};
  for (const [name, given] of Object.entries(value)) {
    const field = shape.byName.get(name);
    if (field === undefined || given === null) continue;
    fields[field.name] = field.isRepeated ? listOf(field, given) : valueOf(field, given);
  }
  return fields;
}

function listOf(field: Field, value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new JsonError(`${field.name} must be a list`);
  return value.map((one: unknown) => valueOf(field, one));
}

function valueOf(field: Field, value: unknown): unknown {
  const { name, type } = field;
  switch (type) {
    case 'bytes':
      return bytesFrom(name, value);
    case 'string':
      if (typeof value !== 'string') throw new JsonError(`${name} must be a string`);
      return value;
    case 'bool':
      if (typeof value !== 'boolean') throw new JsonError(`${name} must be true or false`);
      return value;
    case 'int32':
    case 'int64':
      return integerFrom(name, value, type === 'int32' ? 32 : 64);
    default:
      break;
  }
  if (type.kind === 'message') return fieldsOf(type, value, name);
  if (typeof value === 'number' && Number.isInteger(value)) return value;
  const number = typeof value === 'string' ? type.numbers.get(value) : undefined;
  if (number === undefined) throw new JsonError(`unknown value ${JSON.stringify(value)} for enum ${type.name}`);
  return number;
}

/** Both alphabets, with or without padding. */
function bytesFrom(name: string, value: unknown): Bytes {
  if (typeof value !== 'string') throw new JsonError(`${name} must be base64 in a string`);
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(value) || value.replace(/=+$/, '').length % 4 === 1) {
    throw new JsonError(`illegal base64 data in ${name}`);
  }
  return Buffer.from(value, 'base64');
}

function integerFrom(name: string, value: unknown, bits: 32 | 64): string {
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string' || !/^-?\d{1,20}$/.test(text)) throw new JsonError(`${name} must be an integer`);
  const number = BigInt(text);
  // Signed or not: a field that cannot have it will not hold it.
  if (BigInt.asIntN(bits, number) !== number && BigInt.asUintN(bits, number) !== number) {
    throw new JsonError(`${name} is out of range`);
  }
  return text;
}
