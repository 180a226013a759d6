/** What travels on the streams between members: PeerFrame, PeerAck and SnapshotChunk of proto/peer.proto. */

import { type Bytes, EMPTY_BYTES } from '../base/index.ts';
import type { Message } from '../raft/index.ts';
import { ProtoReader } from './proto-reader.ts';
import { joined, ProtoWriter } from './proto-writer.ts';
import { decodeRaftMessage, encodeRaftMessage } from './raft-message.ts';

/** Who speaks to whom; the first thing said on every stream. */
export interface PeerHello {
  readonly clusterId: bigint;
  readonly from: bigint;
  readonly to: bigint;
  readonly protocol: number;
  /** Where the speaker is reached, if it says so. */
  readonly urls?: readonly string[];
}

export interface PeerFrame {
  readonly hello: PeerHello | undefined;
  readonly number: number;
  readonly messages: readonly Message[];
  /** Not to be acknowledged: a later frame will ask for that, for this one too. */
  readonly quiet: boolean;
}

/** A piece of a snapshot. */
export interface SnapshotChunk {
  readonly hello: PeerHello | undefined;
  readonly message: Message | undefined;
  readonly data: Bytes;
  readonly crc: number;
  readonly last: boolean;
}

/** In field 1 of whatever says hello. */
export function writeHello(writer: ProtoWriter, hello: PeerHello): void {
  const end = writer.length;
  for (const url of (hello.urls ?? []).toReversed()) writer.bytesField(5, Buffer.from(url));
  writer.numberField(4, hello.protocol);
  writer.bigintField(3, hello.to);
  writer.bigintField(2, hello.from);
  writer.bigintField(1, hello.clusterId);
  writer.messageField(1, end);
}

/** Throws ProtocolError. */
export function readHello(bytes: Bytes): PeerHello {
  let clusterId = 0n;
  let from = 0n;
  let to = 0n;
  let protocol = 0;
  const urls: string[] = [];
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) clusterId = reader.uint64();
    else if (reader.field === 2) from = reader.uint64();
    else if (reader.field === 3) to = reader.uint64();
    else if (reader.field === 4) protocol = reader.number();
    else if (reader.field === 5) urls.push(reader.text());
    else reader.skip();
  }
  return { clusterId, from, to, protocol, ...(urls.length === 0 ? {} : { urls }) };
}

export interface EncodedMessages {
  readonly hello?: PeerHello;
  readonly number: number;
  readonly messages: readonly Bytes[];
  readonly quiet?: boolean;
}

/** Of messages that are encoded already. */
export function encodePeerFrame(frame: EncodedMessages): Bytes {
  const writer = new ProtoWriter();
  writer.boolField(4, frame.quiet === true);
  for (const message of frame.messages.toReversed()) writer.bytesField(3, message);
  writer.numberField(2, frame.number);
  if (frame.hello !== undefined) writeHello(writer, frame.hello);
  return joined(writer.finish());
}

/** Throws ProtocolError. */
export function decodePeerFrame(bytes: Bytes): PeerFrame {
  let hello: PeerHello | undefined;
  let number = 0;
  let quiet = false;
  const messages: Message[] = [];
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) hello = readHello(reader.bytes());
    else if (reader.field === 2) number = reader.number();
    else if (reader.field === 3) messages.push(decodeRaftMessage(reader.bytes()));
    else if (reader.field === 4) quiet = reader.bool();
    else reader.skip();
  }
  return { hello, number, messages, quiet };
}

export function encodePeerAck(number: number): Bytes {
  const writer = new ProtoWriter();
  writer.numberField(1, number);
  return joined(writer.finish());
}

/** Throws ProtocolError. */
export function decodePeerAck(bytes: Bytes): number {
  let number = 0;
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) number = reader.number();
    else reader.skip();
  }
  return number;
}

export function encodeSnapshotChunk(chunk: Partial<SnapshotChunk>): Bytes {
  const { hello, message, data = EMPTY_BYTES, crc = 0, last = false } = chunk;
  const writer = new ProtoWriter();
  writer.boolField(5, last);
  writer.numberField(4, crc);
  writer.bytesField(3, data);
  if (message !== undefined) writer.bytesField(2, encodeRaftMessage(message));
  if (hello !== undefined) writeHello(writer, hello);
  return joined(writer.finish());
}

/** Throws ProtocolError. */
export function decodeSnapshotChunk(bytes: Bytes): SnapshotChunk {
  let hello: PeerHello | undefined;
  let message: Message | undefined;
  let data: Bytes = EMPTY_BYTES;
  let crc = 0;
  let last = false;
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) hello = readHello(reader.bytes());
    else if (reader.field === 2) message = decodeRaftMessage(reader.bytes());
    else if (reader.field === 3) data = reader.bytes();
    else if (reader.field === 4) crc = reader.number();
    else if (reader.field === 5) last = reader.bool();
    else reader.skip();
  }
  return { hello, message, data, crc, last };
}
