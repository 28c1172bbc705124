// The public face of the runtime.
export const brand: symbol = Symbol.for("rondo");
