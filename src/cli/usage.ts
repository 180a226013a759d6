/** What the server says of itself: how to use it, its flags, its version. */

import { SERVER_VERSION } from '../base/index.ts';
import { SECTIONS } from './flag-table.ts';

export const USAGE = `Usage:

  watchraft [flags]
    Start a server.

  watchraft snapshot status <file>
  watchraft snapshot restore <file> [flags]
    What a saved snapshot holds; a new member's data from one.

  watchraft --version
    Show the version.

  watchraft -h | --help
    Show all flags.

  watchraft --config-file <path>
    Take the configuration from a file. All other flags, and the environment, then count for nothing.
`;

const HELP_COLUMN = 4;

/** All flags with their defaults, by section. Those that have no effect yet say so. */
export function helpText(): string {
  const sections = SECTIONS.map(({ title, flags }) => {
    const lines = flags.map(({ name, initial, help, use }) => {
      const later = use === 'later' ? ' (no effect yet)' : '';
      return `  --${name} '${initial}'\n${' '.repeat(HELP_COLUMN)}${help}${later}\n`;
    });
    return `\n${title}:\n${lines.join('')}`;
  });
  return sections.join('');
}

export interface Runtime {
  /** Of Node, 'v20.20.2' */
  readonly node: string;
  readonly platform: string;
  readonly architecture: string;
  /** Of the package. */
  readonly version: string;
  readonly commit: string | undefined;
}

/**
 * The first line and the names of the others are those that scripts know from etcd; 'Go Version' tells of the runtime, which
 * here is Node.
 */
export function versionText(runtime: Runtime): string {
  return [
    `etcd Version: ${SERVER_VERSION}`,
    `Git SHA: ${runtime.commit ?? 'Not provided'}`,
    `Go Version: node ${runtime.node}`,
    `Go OS/Arch: ${runtime.platform}/${runtime.architecture === 'x64' ? 'amd64' : runtime.architecture}`,
    `watchraft Version: ${runtime.version}`,
    '',
  ].join('\n');
}
