/** One text for one address, so that addresses can be compared. */
import { familyOf } from "../net/address.ts";

/** An IP address in its shortest form; what is mapped from IPv4 is IPv4. Anything else as it is. */
export function plainAddress(host: string): string {
  if (familyOf(host) !== 6) return host;
  const [bare = host] = host.split("%", 1);
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare);
  if (mapped !== null) return mapped[1] as string;
  return compressed(bare.toLowerCase());
}

/** RFC 5952: no leading zeros, and the longest run of zeros left out. */
function compressed(text: string): string {
  const groups = expanded(text);
  if (groups === undefined) return text;
  let [start, length] = [-1, 1];
  for (let i = 0; i < 8; i++) {
    let j = i;
    while (j < 8 && groups[j] === 0) j++;
    if (j - i > length) [start, length] = [i, j - i];
    if (j > i) i = j - 1;
  }
  const shown = groups.map((group) => group.toString(16));
  if (start < 0) return shown.join(":");
  return `${shown.slice(0, start).join(":")}::${shown.slice(start + length).join(":")}`;
}

/** The eight groups of an IPv6 address, or undefined where it is none. */
function expanded(text: string): number[] | undefined {
  const [before = "", after, more] = text.split("::");
  if (more !== undefined) return undefined;
  const head = before === "" ? [] : before.split(":");
  const tail = after === undefined || after === "" ? [] : after.split(":");
  const missing = 8 - head.length - tail.length;
  if (after === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array.from({ length: Math.max(0, missing) }, () => "0"), ...tail];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/.test(group))) return undefined;
  return groups.map((group) => Number.parseInt(group, 16));
}
