/** The code that is simulated: src, or a copy of it with something broken on purpose (mutants.ts). */

import { boot } from '../../src/node/index.ts';
import { openDataDirectory } from '../../src/storage/index.ts';

export interface SimulatedCode {
  readonly boot: typeof boot;
  readonly openDataDirectory: typeof openDataDirectory;
}

export const SRC: SimulatedCode = { boot, openDataDirectory };
