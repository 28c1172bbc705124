// A terminal that was changed gets its old state back however the process ends: not only when the view ends, which is its
// own `finally`, but also by an exception that nobody caught and by a signal that nobody listens for. And Ctrl-Z gives it
// back for the time that the shell has it.
//
// Listening for a signal takes its effect away. So where we are the only listener the signal is sent once more, without
// us; where there are others it is theirs to decide, and the view ends, or stays, with what they do. Only SIGKILL leaves no
// chance, to anyone.

/** What a guard does with the terminal. */
export interface Guarded {
  /** Gives the terminal back. May be called more than once. */
  clear(): void;
  /** The terminal is ours again, and anything may stand on it. */
  forget(): void;
}

const ENDS: readonly NodeJS.Signals[] =
  process.platform === "win32" ? ["SIGINT", "SIGTERM", "SIGBREAK"] : ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"];

/** Watches over a terminal until the function that it gives is called, which gives the terminal back. */
export function guardTerminal(guarded: Guarded): () => void {
  const restore = (): void => guarded.clear();
  const onEnd = (signal: NodeJS.Signals): void => {
    if (process.listeners(signal).some((listener) => listener !== onEnd)) return;
    restore();
    process.off(signal, onEnd);
    process.kill(process.pid, signal);
  };
  const onStop = (): void => {
    restore();
    // Without a listener it stops, and goes on from here when it is continued.
    process.off("SIGTSTP", onStop);
    process.kill(process.pid, "SIGTSTP");
    process.on("SIGTSTP", onStop);
    guarded.forget();
  };
  // Stopped by SIGSTOP, which nobody hears: all that is known is that time has passed.
  const onContinue = (): void => guarded.forget();

  process.on("exit", restore);
  // Before all others: what they do at once may take them, and this view, away, and then nobody would seem to have heard.
  for (const signal of ENDS) process.prependListener(signal, onEnd);
  if (process.platform !== "win32") process.on("SIGTSTP", onStop).on("SIGCONT", onContinue);
  return () => {
    process.off("exit", restore);
    for (const signal of ENDS) process.off(signal, onEnd);
    process.off("SIGTSTP", onStop).off("SIGCONT", onContinue);
    restore();
  };
}
