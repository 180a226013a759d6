/**
 * Failpoints as the environment asks for them, with gofail's variables. Without these there are none at all.
 *
 *     GOFAIL_HTTP=127.0.0.1:22381                     an endpoint to arm them at
 *     GOFAIL_FAILPOINTS='walBeforeSync=sleep(10)'     armed from the start
 */

import type { Failpoints, Logger } from '../../base/index.ts';
import { ArmedFailpoints } from './armed-failpoints.ts';
import { FailpointServer } from './failpoint-server.ts';

export interface Gofail {
  /** Undefined: nobody asked for any. */
  readonly failpoints: Failpoints | undefined;
  close(): void;
}

const NONE: Gofail = { failpoints: undefined, close: () => {} };

/** Rejects if what is asked for cannot be read, or the address cannot be listened to. */
export async function openGofail(env: Readonly<Record<string, string | undefined>>, logger: Logger): Promise<Gofail> {
  const { GOFAIL_HTTP: address = '', GOFAIL_FAILPOINTS: list = '' } = env;
  if (address === '' && list === '') return NONE;
  const failpoints = new ArmedFailpoints(logger);
  failpoints.armAll(list);
  if (address === '') return { failpoints, close: () => {} };
  const server = await FailpointServer.listen(address, failpoints, logger);
  return { failpoints, close: () => server.close() };
}
