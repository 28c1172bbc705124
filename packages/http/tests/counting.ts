/**
 * Counts work instead of time: how many bytes a piece of code reads, and how many it copies. The bytes it is given, and all
 * that it makes while it runs, are wrapped, so that nothing it looks at goes uncounted.
 */
export interface Work {
  /** Bytes that were looked at, one by one. */
  reads: number;
  /** Bytes that were copied from one array to another. */
  copies: number;
  /** Arrays that were made. */
  arrays: number;
}

const Real = Uint8Array;
const targets = new WeakMap<object, Uint8Array>();

const real = (value: unknown): unknown => targets.get(value as object) ?? value;

function counted(bytes: Uint8Array, work: Work): Uint8Array {
  const proxy = new Proxy(bytes, {
    get(target, key) {
      if (typeof key === "string" && key >= "0" && key <= "9~") work.reads++;
      if (key === "set")
        return (from: Uint8Array, at?: number) => {
          work.copies += from.length;
          target.set(real(from) as Uint8Array, at);
        };
      const found: unknown = Reflect.get(target, key, target);
      return typeof found === "function" ? found.bind(target) : found;
    },
  });
  targets.set(proxy, bytes);
  return proxy;
}

/** Runs `body` with a function that wraps bytes, and gives the work that it has done with them. */
export function countWork(body: (wrap: (bytes: Uint8Array) => Uint8Array) => void): Work {
  const work: Work = { reads: 0, copies: 0, arrays: 0 };
  const scope = globalThis as { Uint8Array: unknown };
  scope.Uint8Array = new Proxy(Real, {
    construct(_target, parts: ConstructorParameters<typeof Real>) {
      work.arrays++;
      return counted(new Real(...parts), work);
    },
  });
  try {
    body((bytes) => counted(bytes, work));
  } finally {
    scope.Uint8Array = Real;
  }
  return work;
}
