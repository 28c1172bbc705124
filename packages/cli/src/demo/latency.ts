// How long the pretended servers take to answer: drawn once, from a fixed seed, so that every demonstration waits for the
// same time. The shape is log-normal, as the latencies of real servers are: most are quick, a few take long.

/** A latency for each of `n` servers, in ms. The same every time. */
export function latencies(n: number): number[] {
  const draw = uniform(0x52_6f_6e_64);
  return Array.from({ length: n }, () => Math.round(Math.min(LONGEST, MEDIAN * Math.exp(SPREAD * normal(draw)))));
}

const MEDIAN = 185;
const SPREAD = 0.7;
const LONGEST = 1000;

/** From two uniform draws a normal one (Box and Muller, 1958). */
function normal(draw: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
}

/** Numbers from 0 to below 1 (xorshift32; Marsaglia, 2003). */
function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
