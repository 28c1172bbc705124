/**
 * `rondo/os`: files, processes, signals, the terminal, worker threads.
 */
export {};
