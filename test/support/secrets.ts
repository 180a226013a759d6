/** What must never be in a log, as it can be recognised: by its form, or by a name that tests give to their passwords. */

const SECRETS: readonly (readonly [string, RegExp])[] = [
  ['a private key', /-----BEGIN [A-Z ]*PRIVATE KEY/],
  ['the hash of a password', /\$2[aby]\$\d\d\$[./A-Za-z0-9]{20}/],
  ['a signed token', /\beyJ[\w-]{10,}\.eyJ[\w-]{10,}/],
  ['a simple token', /(?<![\w./-])[A-Za-z]{16}\.\d+(?![\w.])/],
  ['a password', /the-password-of-|a-wrong-password/],
];

const AROUND_CHARACTERS = 80;

/** Each kind that is there, with what is around it. */
export function secretsIn(text: string): string[] {
  return SECRETS.flatMap(([name, pattern]) => {
    const match = pattern.exec(text);
    if (match === null) return [];
    return [`${name}: ${text.slice(Math.max(0, match.index - AROUND_CHARACTERS), match.index + AROUND_CHARACTERS)}`];
  });
}
