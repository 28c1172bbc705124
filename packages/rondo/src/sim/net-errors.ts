/** Errors as Node hands them over: the system's code, its number on Linux, the call that failed, and to what address. */

const NUMBERS: Readonly<Record<string, number>> = {
  ENOENT: -2,
  EACCES: -13,
  EEXIST: -17,
  EINVAL: -22,
  EPIPE: -32,
  EMSGSIZE: -90,
  EADDRINUSE: -98,
  EADDRNOTAVAIL: -99,
  ENETUNREACH: -101,
  ECONNABORTED: -103,
  ECONNRESET: -104,
  ETIMEDOUT: -110,
  ECONNREFUSED: -111,
  EHOSTUNREACH: -113,
  EAI_AGAIN: -3001,
  ENOTFOUND: -3008,
};

const LISTENING: Readonly<Record<string, string>> = {
  EADDRINUSE: "address already in use",
  EADDRNOTAVAIL: "address not available",
  EINVAL: "invalid argument",
  ENOENT: "no such file or directory",
};

/** An error of the system, as `node:net` and `node:dgram` throw it. */
export function systemError(code: string, syscall: string, address?: string, port?: number): Error {
  // A port of 0 is none, also for Node.
  const where = address === undefined ? "" : (port ?? 0) === 0 ? ` ${address}` : ` ${address}:${port}`;
  const words = syscall === "listen" ? `: ${LISTENING[code] ?? "failed"}` : "";
  const error = new Error(`${syscall} ${code}${words}${where}`);
  return Object.assign(error, {
    errno: NUMBERS[code] ?? -1,
    code,
    syscall,
    ...(address === undefined ? {} : { address }),
    ...((port ?? 0) === 0 ? {} : { port }),
  });
}

/** An error about a name, as `node:dns` throws it. */
export function nameError(code: string, syscall: string, hostname: string): Error {
  const errno = syscall === "getaddrinfo" ? NUMBERS[code] : undefined;
  return Object.assign(new Error(`${syscall} ${code} ${hostname}`), { errno, code, syscall, hostname });
}
