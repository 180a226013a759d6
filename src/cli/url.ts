/** The URLs of members and clients: a scheme, a host and a port, nothing behind. */

export interface MemberUrl {
  /** As given, without the spaces around. */
  readonly text: string;
  readonly scheme: 'http' | 'https' | 'unix' | 'unixs';
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  /** 0 for a unix socket. */
  readonly port: number;
}

/** A value that is not what its flag takes; the message says what is wrong with it. */
export class ValueError extends Error {
  override readonly name = 'ValueError';
}

const SCHEME = /^(?<scheme>[a-z][a-z0-9+.-]*):\/\/(?<rest>.*)$/i;
const ADDRESS = /^(?:\[(?<bracketed>[^\]]*)\]|(?<plain>[^:/[\]]*)):(?<port>\d*)(?<path>\/.*)?$/;
const PORT_MAX = 65_535;

/** Throws ValueError. */
export function parseUrl(given: string): MemberUrl {
  const text = given.trim();
  const { scheme, rest = '' } = SCHEME.exec(text)?.groups ?? {};
  if (scheme !== 'http' && scheme !== 'https' && scheme !== 'unix' && scheme !== 'unixs') {
    throw new ValueError(`URL scheme must be http, https, unix, or unixs: ${text}`);
  }
  if (scheme === 'unix' || scheme === 'unixs') return { text, scheme, host: rest, port: 0 };
  const groups = ADDRESS.exec(rest)?.groups;
  const port = groups?.['port'] ?? '';
  if (groups === undefined || port === '' || Number(port) > PORT_MAX) {
    throw new ValueError(`URL address does not have the form "host:port": ${text}`);
  }
  if (groups['path'] !== undefined) throw new ValueError(`URL must not contain a path: ${text}`);
  return { text, scheme, host: groups['bracketed'] ?? groups['plain'] ?? '', port: Number(port) };
}

/** Each URL once, in the order of their texts. None for an empty text. Throws ValueError. */
export function parseUrls(text: string): MemberUrl[] {
  if (text === '') return [];
  const urls = new Map(
    text
      .split(',')
      .map((one) => parseUrl(one))
      .map((url) => [url.text, url]),
  );
  return [...urls.values()].sort((a, b) => (a.text < b.text ? -1 : 1));
}
