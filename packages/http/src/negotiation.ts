/**
 * What a client would like best (RFC 9110 section 12): the lists of `Accept-Encoding` and its like, with their weights.
 */

/** One wish: a coding, a language, a media type, and how much it is wanted, from 0 (not at all) to 1. */
export interface Wish {
  /** In lower case; `*` stands for whatever is not named. */
  readonly name: string;
  readonly weight: number;
}

/** More wishes than this are not looked at: nobody means them. */
const MOST = 64;

/**
 * The wishes of a field value, in the order in which they came. What is no wish is left out: a client that writes nonsense
 * gets what one gets that says nothing.
 *
 * @example
 * ```ts
 * import { wishesOf } from "@rondo/http";
 *
 * console.log(wishesOf("gzip;q=0.5, br")); // prints: [ { name: 'gzip', weight: 0.5 }, { name: 'br', weight: 1 } ]
 * ```
 */
export function wishesOf(value: string): Wish[] {
  const wishes: Wish[] = [];
  for (const part of value.split(",", MOST)) {
    const [first = "", ...parameters] = part.split(";");
    const name = first.trim().toLowerCase();
    if (name === "" || !/^[\w!#$%&'*+\-.^`|~/]+$/.test(name)) continue;
    let weight = 1;
    for (const parameter of parameters) {
      const found = /^\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*$/i.exec(parameter);
      if (found !== null) weight = Number(found[1]);
      else if (/^\s*q\s*=/i.test(parameter)) weight = 0; // a weight that is none: rather not
    }
    wishes.push({ name, weight });
  }
  return wishes;
}

/**
 * The one of `offers` (best first) that the client wants most; undefined where it wants none of them. With `value` undefined
 * anything goes. Among those that are wanted as much the order of the offers decides.
 *
 * @example
 * ```ts
 * import { preferred } from "@rondo/http";
 *
 * console.log(preferred("gzip, br, identity;q=0.1", ["br", "gzip", "identity"])); // prints: br
 * console.log(preferred("*;q=0", ["br"])); // prints: undefined
 * ```
 */
export function preferred<T extends string>(value: string | undefined, offers: readonly T[]): T | undefined {
  if (value === undefined) return offers[0];
  const wishes = wishesOf(value);
  let best: T | undefined;
  let weight = 0;
  for (const offer of offers) {
    const wanted = weightOf(wishes, offer);
    if (wanted > weight) {
      best = offer;
      weight = wanted;
    }
  }
  return best;
}

function weightOf(wishes: readonly Wish[], offer: string): number {
  const named = wishes.find((wish) => wish.name === offer.toLowerCase());
  if (named !== undefined) return named.weight;
  // No coding at all is fine with everybody who has not said otherwise (RFC 9110 section 12.5.3).
  const rest = wishes.find((wish) => wish.name === "*");
  return rest?.weight ?? (offer === "identity" ? 0.0001 : 0);
}
