import { GrpcJsServer } from '../../src/wire/index.ts';
import { wireSuite } from '../suites/wire.suite.ts';

wireSuite('grpc-js', (options) => new GrpcJsServer(options));
