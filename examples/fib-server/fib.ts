// What is computed: slowly, as in every talk. A module of its own, since a worker thread has to load it.

/** The nth number of Fibonacci, by the definition. */
export function fib(n: number): number {
  return n < 2 ? n : fib(n - 1) + fib(n - 2);
}
