// Several pictures as one file that ComfyUI loads as a batch: an animated PNG, without loss.
// https://www.w3.org/TR/png-3/#apng-frame-based-animation

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value >>> 0;
});

/** Join canvases of one size into an animated PNG. */
export async function animatedPng(canvases, name, fps) {
  const pictures = await Promise.all(canvases.map(chunksOf));
  const { width, height } = canvases[0];
  const parts = [Uint8Array.from(SIGNATURE), chunk("IHDR", pictures[0].IHDR[0])];
  parts.push(chunk("acTL", numbers(4, canvases.length, 0)));
  let order = 0;
  pictures.forEach(({ IDAT }, index) => {
    const delay = [
      Math.round(1000 / fps) >> 8,
      Math.round(1000 / fps) & 255,
      1000 >> 8,
      1000 & 255,
    ];
    const place = numbers(4, order++, width, height, 0, 0);
    parts.push(chunk("fcTL", join([place, Uint8Array.from([...delay, 0, 0])])));
    for (const data of IDAT)
      parts.push(index ? chunk("fdAT", join([numbers(4, order++), data])) : chunk("IDAT", data));
  });
  parts.push(chunk("IEND", new Uint8Array()));
  return new File(parts, name, { type: "image/png" });
}

async function chunksOf(canvas) {
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const view = new DataView(bytes.buffer);
  const found = { IHDR: [], IDAT: [] };
  for (let at = SIGNATURE.length; at < bytes.length;) {
    const length = view.getUint32(at);
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    found[name]?.push(bytes.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  return found;
}

function chunk(name, data) {
  const body = join([Uint8Array.from(name, (letter) => letter.charCodeAt(0)), data]);
  return join([numbers(4, data.length), body, numbers(4, checksum(body))]);
}

function checksum(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

function numbers(size, ...values) {
  const view = new DataView(new ArrayBuffer(size * values.length));
  values.forEach((value, index) => view.setUint32(size * index, value));
  return new Uint8Array(view.buffer);
}

function join(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
