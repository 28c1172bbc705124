// The log-likelihood ratio of Dunning, "Accurate methods for the statistics of surprise and coincidence" (1993): how
// surprising it is that a word has one share of one text and another share of another, if both were drawn alike.
//
// Why not the ratio of the shares: it puts at the top what was said once and now twice. Why not chi-squared: it takes
// counts for normally distributed, which those of nearly all words are too small for. G² is good for small counts.

/**
 * G² of a word that occurs `a` times among `c` words here and `b` times among `d` words there: 2 Σ O ln(O/E) over
 * the four cells of the table (the word and all others, here and there). 0 where the shares are equal. From 3.84 on chance
 * gives it to one word in 20, from 10.83 on to one in 1,000.
 */
export function logLikelihood(a: number, c: number, b: number, d: number): number {
  const words = c + d;
  const said = a + b;
  const rest = words - said;
  const sum =
    part(a, (c * said) / words) +
    part(b, (d * said) / words) +
    part(c - a, (c * rest) / words) +
    part(d - b, (d * rest) / words);
  // Equal shares may come out as a hair less than nothing.
  return Math.max(0, 2 * sum);
}

/** The limit of x ln x at 0 is 0. */
function part(observed: number, expected: number): number {
  return observed === 0 ? 0 : observed * Math.log(observed / expected);
}
