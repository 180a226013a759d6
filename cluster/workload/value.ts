/**
 * Values on the wire: the name of the write, and filling, so that what slow watchers leave unread weighs something. The filling
 * follows from the name: a value that lost or changed a byte on its way is no value of any write.
 *
 *     w3-14.w3-14w3-14w3-14 ...
 */

const VALUE_BYTES = 500;

export function filled(name: string): string {
  return `${name}.`.padEnd(VALUE_BYTES, name);
}

/** The name in the value; what was received, if it was not made by `filled`. A copy: the answer is not kept alive by it. */
export function nameIn(bytes: Uint8Array): string {
  const text = textOf(bytes);
  const name = text.slice(0, Math.max(0, text.indexOf('.')));
  return filled(name) === text ? name : text;
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
