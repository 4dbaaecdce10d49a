// Files of a zip, read in the browser piece by piece: only the entries that are asked for are unpacked.
// PKWARE APPNOTE 6.3: 4.3.16 end of the directory, 4.3.12 its entries, 4.3.7 the header before the bytes.
const END = 0x06054b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const END_BYTES = 22;
const MOST_COMMENT = 65_535;
const MOST_ENTRIES = 5_000;
const STORED = 0;
const DEFLATED = 8;
const NEEDS_ZIP64 = 0xffffffff;

export class ZipProblem extends Error {}

async function view(blob) {
  return new DataView(await blob.arrayBuffer());
}

/** [{name, size, open()}] of the files in `archive`; open() resolves to a File. Rejects with ZipProblem. */
export async function readZip(archive) {
  const tail = await view(archive.slice(Math.max(0, archive.size - END_BYTES - MOST_COMMENT)));
  let at = tail.byteLength - END_BYTES;
  while (at >= 0 && tail.getUint32(at, true) !== END) at -= 1;
  if (at < 0) throw new ZipProblem(`${archive.name} is no zip, or its end is missing.`);
  const count = tail.getUint16(at + 10, true);
  const size = tail.getUint32(at + 12, true);
  const offset = tail.getUint32(at + 16, true);
  if (count > MOST_ENTRIES || offset === NEEDS_ZIP64 || offset + size > archive.size) {
    throw new ZipProblem(`${archive.name} is too large for a page. Split it, or choose the files themselves.`);
  }
  return entries(archive, await view(archive.slice(offset, offset + size)), count);
}

function entries(archive, directory, count) {
  const found = [];
  const names = new TextDecoder();
  for (let number = 0, at = 0; number < count; number += 1) {
    if (at + 46 > directory.byteLength || directory.getUint32(at, true) !== ENTRY) throw new ZipProblem(`The directory of ${archive.name} is damaged.`);
    const [name, extra, comment] = [28, 30, 32].map((place) => directory.getUint16(at + place, true));
    const entry = {
      name: names.decode(new Uint8Array(directory.buffer, at + 46, name)),
      encrypted: Boolean(directory.getUint16(at + 8, true) & 1),
      method: directory.getUint16(at + 10, true),
      packed: directory.getUint32(at + 20, true),
      size: directory.getUint32(at + 24, true),
      offset: directory.getUint32(at + 42, true),
    };
    at += 46 + name + extra + comment;
    if (entry.name.endsWith("/") || entry.name.startsWith("__MACOSX/")) continue;
    found.push({ name: entry.name, size: entry.size, open: () => open(archive, entry) });
  }
  return found;
}

async function open(archive, { name, encrypted, method, packed, size, offset }) {
  if (encrypted) throw new ZipProblem(`${name} is encrypted.`);
  if (method !== STORED && method !== DEFLATED) throw new ZipProblem(`${name} is packed in a way browsers can't unpack.`);
  const header = await view(archive.slice(offset, offset + 30));
  if (header.byteLength < 30 || header.getUint32(0, true) !== LOCAL) throw new ZipProblem(`${name} is not where the zip says.`);
  const from = offset + 30 + header.getUint16(26, true) + header.getUint16(28, true);
  const bytes = archive.slice(from, from + packed);
  const content = method === STORED ? bytes : await inflate(bytes, size, name);
  if (content.size !== size) throw new ZipProblem(`${name} is damaged.`);
  return new File([content], name.split("/").pop(), { lastModified: archive.lastModified });
}

/** Unpack, and stop where more comes out than was announced. */
async function inflate(bytes, size, name) {
  const pieces = [];
  let length = 0;
  const reader = bytes.stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  try {
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
      length += value.length;
      if (length > size) throw new ZipProblem(`${name} is larger than the zip says.`);
      pieces.push(value);
    }
  } catch (error) {
    if (error instanceof ZipProblem) throw error;
    throw new ZipProblem(`${name} is damaged.`);
  } finally {
    reader.cancel().catch(() => {});
  }
  return new Blob(pieces);
}
