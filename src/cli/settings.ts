/**
 * What was set, before it is made into a configuration: for each flag its value and where it came from, or its default.
 * The command line stands over the environment; a config file stands alone.
 */

import { FLAGS, type Flag } from './flag-table.ts';
import { type FlagValue, parseValue } from './flag-value.ts';
import type { MemberUrl } from './url.ts';

export type SettingSource = 'flag' | 'environment' | 'file';

export class Settings {
  readonly #values = new Map<string, { readonly value: FlagValue; readonly source: SettingSource }>();

  /** Throws ValueError if `text` is no value for the flag. */
  setText(flag: Flag, text: string, source: SettingSource): void {
    this.set(flag, flag.use === 'gone' ? text : parseValue(flag, text), source);
  }

  set(flag: Flag, value: FlagValue, source: SettingSource): void {
    this.#values.set(flag.name, { value, source });
  }

  /** Where the flag was set, or undefined if it was not. */
  source(name: string): SettingSource | undefined {
    return this.#values.get(name)?.source;
  }

  isSet(name: string): boolean {
    return this.#values.has(name);
  }

  /** Names of the flags that were set. */
  names(): string[] {
    return [...this.#values.keys()];
  }

  text(name: string): string {
    return this.#value(name, (value) => typeof value === 'string');
  }

  boolean(name: string): boolean {
    return this.#value(name, (value) => typeof value === 'boolean');
  }

  /** A duration is in milliseconds. */
  number(name: string): number {
    return this.#value(name, (value) => typeof value === 'number');
  }

  list(name: string): readonly string[] {
    return this.#value(name, (value): value is readonly string[] => Array.isArray(value) && value.every(isText));
  }

  urls(name: string): readonly MemberUrl[] {
    return this.#value(name, (value): value is readonly MemberUrl[] => Array.isArray(value) && !value.some(isText));
  }

  #value<T extends FlagValue>(name: string, is: (value: FlagValue) => value is T): T {
    const flag = FLAGS.get(name);
    if (flag === undefined) throw new TypeError(`no such flag: ${name}`);
    const value = this.#values.get(name)?.value ?? parseValue(flag, flag.initial);
    if (!is(value)) throw new TypeError(`--${name} is of another type: ${flag.type}`);
    return value;
  }
}

const isText = (value: unknown): value is string => typeof value === 'string';
