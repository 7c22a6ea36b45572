/**
 * Which of the 16384 slots of a Cluster a key belongs to: CRC-16 (XMODEM) of the key, or of what stands between its first `{`
 * and the next `}`, modulo 16384. See "Redis cluster specification", key distribution model.
 */
export function slotOf(key: string): number {
  const bytes = Buffer.from(tagOf(key), "utf8");
  let crc = 0;
  for (const byte of bytes) crc = ((crc << 8) ^ (TABLE[((crc >> 8) ^ byte) & 0xff] as number)) & 0xffff;
  return crc % SLOTS;
}

const SLOTS = 16_384;
const POLYNOMIAL = 0x1021;
const TABLE: readonly number[] = Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ POLYNOMIAL;
  return crc & 0xffff;
});

function tagOf(key: string): string {
  const open = key.indexOf("{");
  const close = open < 0 ? -1 : key.indexOf("}", open + 1);
  return close > open + 1 ? key.slice(open + 1, close) : key;
}
