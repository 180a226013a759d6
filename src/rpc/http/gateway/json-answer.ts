/** From the bytes of a message to proto's JSON. What has its default value is left out; a message that is there is not, even if it is empty. */

import type { Bytes } from '../../../base/index.ts';
import type { Message } from '../../../wire/index.ts';
import type { Field, Shape } from './shape.ts';

const AS_TEXT = { longs: String, bytes: String };

export function jsonOf(shape: Shape, message: Message): string {
  const bytes: Bytes = message instanceof Uint8Array ? message : Buffer.concat(message);
  const { messageClass } = shape;
  return JSON.stringify(answerOf(shape, messageClass.toObject(messageClass.decode(bytes), AS_TEXT)));
}

function answerOf(shape: Shape, fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const answer: Record<string, unknown> = {};
  for (const field of shape.fields) {
    const value = fields[field.name];
    if (value === undefined || value === null) continue;
    if (Array.isArray(value)) {
      if (value.length > 0) answer[field.name] = value.map((one: unknown) => valueOf(field, one));
    } else if (!isDefault(value)) answer[field.name] = valueOf(field, value);
  }
  return answer;
}

function valueOf({ type }: Field, value: unknown): unknown {
  if (typeof type === 'string') return value;
  if (type.kind === 'enum') return type.names.get(Number(value)) ?? value;
  return answerOf(type, value as Readonly<Record<string, unknown>>);
}

/** Integers of 64 bits are text by now. A string that says 0 is none of the API's. */
function isDefault(value: unknown): boolean {
  return value === '' || value === '0' || value === 0 || value === false;
}
