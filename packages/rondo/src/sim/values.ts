/** Values as text: to be compared, to be remembered, and to be read. */

/**
 * A value as a text that is the same for equal values: plain objects and arrays by what they hold, maps and sets
 * likewise (a map in whatever order), everything else (functions, instances of classes) by identity.
 */
export function keyOfValue(value: unknown): string {
  try {
    return keyOf(value);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new TypeError("a value that is compared must not hold itself, nor be nested thousands deep", {
      cause: error,
    });
  }
}

function keyOf(value: unknown): string {
  switch (typeof value) {
    case "number":
      return Object.is(value, -0) ? "0" : String(value);
    case "string":
      return JSON.stringify(value);
    case "bigint":
      return `${value}n`;
    case "object":
      return value === null ? "null" : keyOfObject(value);
    case "function":
    case "symbol":
      return identityOf(value);
    default:
      return String(value); // undefined and booleans
  }
}

function keyOfObject(value: object): string {
  if (Array.isArray(value)) return `[${value.map(keyOf).join(",")}]`;
  if (value instanceof Map) {
    return `Map{${[...value]
      .map(([key, held]) => `${keyOf(key)}:${keyOf(held)}`)
      .toSorted()
      .join(",")}}`;
  }
  if (value instanceof Set) return `Set{${[...value].map(keyOf).toSorted().join(",")}}`;
  if (value instanceof Uint8Array) return `bytes(${value.join(" ")})`;
  if (value instanceof Date) return `Date(${value.getTime()})`;
  const shape: unknown = Object.getPrototypeOf(value);
  if (shape !== Object.prototype && shape !== null) return identityOf(value);
  const fields = Object.entries(value).map(([name, held]) => `${JSON.stringify(name)}:${keyOf(held)}`);
  return `{${fields.toSorted().join(",")}}`;
}

const identities = new WeakMap<WeakKey, number>();
const registered = new Map<symbol, number>();
let identified = 0;

/** What stands for an object that is only equal to itself. */
function identityOf(value: object | symbol): string {
  // A symbol of the registry may be garbage never, and is refused as the key of a weak map.
  const known = typeof value === "symbol" && Symbol.keyFor(value) !== undefined ? registered : identities;
  let number = (known as WeakMap<WeakKey, number>).get(value as WeakKey);
  if (number === undefined) (known as WeakMap<WeakKey, number>).set(value as WeakKey, (number = ++identified));
  return `#${number}`;
}

/** Whether two values are equal in the sense of {@link keyOfValue}. */
export function sameValue(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  return keyOfValue(one) === keyOfValue(other);
}

/** A value for a person, on one line and of bounded length. */
export function showValue(value: unknown): string {
  const text = show(value, DEEPEST).replaceAll(/\s+/g, " ");
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}
const LONGEST = 120;
const DEEPEST = 4;

function show(value: unknown, depth: number): string {
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (typeof value === "function") return `function ${value.name}`;
  if (typeof value === "symbol") return String(value);
  if (typeof value !== "object" || value === null) return keyOf(value);
  if (depth === 0) return "…";
  const inside = (one: unknown): string => show(one, depth - 1);
  if (Array.isArray(value)) return `[${value.map(inside).join(", ")}]`;
  const name: string | undefined = value.constructor?.name;
  const text =
    value instanceof Set
      ? [...value].map(inside).join(", ")
      : [...(value instanceof Map ? value : Object.entries(value))]
          .map(([field, held]) => `${typeof field === "string" ? field : inside(field)}: ${inside(held)}`)
          .join(", ");
  const braced = text === "" ? "{}" : `{ ${text} }`;
  return name === undefined || name === "Object" ? braced : `${name} ${braced}`;
}
