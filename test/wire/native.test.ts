import { NativeServer } from '../../src/wire/index.ts';
import { wireSuite } from '../suites/wire.suite.ts';

wireSuite('native', (options) => new NativeServer(options));
