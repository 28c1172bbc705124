import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dueAfterAnswer, dueAfterFailure, isDue, LONGEST, MINIMUM, USUAL } from "./due.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** A Sunday, twenty past ten. */
const NOW = Date.UTC(2026, 10, 22, 10, 20);
const least = (_n: number): number => 0;
const most = (n: number): number => n - 1;
const all = (n: number): number[] => Array.from({ length: n }, (_, at) => at);
const hour = (at: number): string => new Date(at).toISOString().slice(0, 16);

describe("after an answer", () => {
  const wait = (facts: Partial<Parameters<typeof dueAfterAnswer>[0]>, pace = {}): number =>
    dueAfterAnswer({ now: NOW, hints: {}, fresh: 0, ...facts }, pace) - NOW;

  test("who says nothing is asked at the usual pace", () => {
    expect(wait({})).toBe(USUAL);
    expect(wait({}, { usual: HOUR })).toBe(HOUR);
  });

  test("a feed's own rhythm is taken, longer or shorter", () => {
    expect(wait({ hints: { every: 10 * MINUTE } })).toBe(10 * MINUTE);
    expect(wait({ hints: { every: 6 * HOUR } })).toBe(6 * HOUR);
  });

  test("nobody is asked more often than the minimum, unless the caller sets another one", () => {
    expect(wait({ hints: { every: 1000 } })).toBe(MINIMUM);
    expect(wait({ hints: { every: 1000 } }, { minimum: 2000 })).toBe(2000);
    expect(wait({ hints: { every: 1000 } }, { minimum: 0 })).toBe(1000);
    expect(wait({}, { minimum: HOUR })).toBe(HOUR);
  });

  test("a fresh answer makes the wait longer and never shorter", () => {
    expect(wait({ fresh: 2 * HOUR })).toBe(2 * HOUR);
    expect(wait({ fresh: MINUTE })).toBe(USUAL);
    expect(wait({ fresh: 2 * HOUR, hints: { every: 10 * MINUTE } })).toBe(2 * HOUR);
    expect(wait({ fresh: 2 * HOUR, hints: { every: 3 * HOUR } })).toBe(3 * HOUR);
  });

  test("Retry-After is obeyed on an answer that succeeded too", () => {
    expect(wait({ retryAfter: 2 * HOUR })).toBe(2 * HOUR);
    expect(wait({ retryAfter: 1000 })).toBe(USUAL);
  });

  test("a year is not waited: a day for what is fresh, a week for the rest", () => {
    expect(wait({ fresh: 365 * DAY })).toBe(DAY);
    expect(wait({ hints: { every: 365 * DAY } })).toBe(LONGEST);
    expect(wait({ retryAfter: 365 * DAY })).toBe(LONGEST);
  });
});

describe("hours and days to be left alone in", () => {
  const due = (hints: object, now = NOW): string => hour(dueAfterAnswer({ now, hints, fresh: 0 }));

  test("move the time to the beginning of the next hour that is free", () => {
    expect(due({ skipHours: [10, 11, 13] })).toBe("2026-11-22T12:00");
    expect(due({ skipHours: [11] })).toBe("2026-11-22T10:50");
    expect(due({ skipHours: [23, 0, 1] }, Date.UTC(2026, 11, 31, 22, 40))).toBe("2027-01-01T02:00");
  });

  test("or of the next day that is free", () => {
    expect(due({ skipDays: [0] })).toBe("2026-11-23T00:00");
    expect(due({ skipDays: [0, 1, 2] })).toBe("2026-11-25T00:00");
    expect(due({ skipDays: [1] })).toBe("2026-11-22T10:50");
  });

  test("both together find an hour that is free on a day that is free", () => {
    expect(due({ skipDays: [0], skipHours: [0, 1, 2] })).toBe("2026-11-23T03:00");
    // All but Saturday's last hour.
    expect(due({ skipDays: [0, 1, 2, 3, 4, 5], skipHours: all(23) })).toBe("2026-11-28T23:00");
  });

  test("are ignored where nothing is left of the day or of the week", () => {
    expect(due({ skipHours: all(24) })).toBe("2026-11-22T10:50");
    expect(due({ skipDays: all(7) })).toBe("2026-11-22T10:50");
    expect(due({ skipHours: all(24), skipDays: [0] })).toBe("2026-11-23T00:00");
    expect(due({ skipHours: [-1, 24, 99, 1.5] })).toBe("2026-11-22T10:50");
  });

  test("hold after failures too", () => {
    expect(hour(dueAfterFailure({ now: NOW, hints: { skipHours: [10] }, failures: 1 }, least))).toBe(
      "2026-11-22T11:00",
    );
  });
});

describe("after a failure", () => {
  const wait = (facts: Partial<Parameters<typeof dueAfterFailure>[0]>, draw = least, pace = {}): number =>
    dueAfterFailure({ now: NOW, hints: {}, failures: 1, ...facts }, draw, pace) - NOW;

  test("the wait doubles up to a day, and chance takes up to half of it off", () => {
    expect([1, 2, 3, 4, 5, 6, 7, 8].map((failures) => wait({ failures }) / MINUTE)).toEqual([
      15, 30, 60, 120, 240, 480, 720, 720,
    ]);
    expect(wait({ failures: 1 }, most)).toBeGreaterThan(29.9 * MINUTE);
    expect(wait({ failures: 100_000 }, most)).toBeLessThanOrEqual(DAY);
    expect(wait({ failures: 100_000 })).toBe(DAY / 2);
  });

  test("Retry-After is waited for, up to a week", () => {
    expect(wait({ retryAfter: 3 * HOUR, status: 503 })).toBe(3 * HOUR);
    expect(wait({ retryAfter: 1000, status: 503 })).toBe(15 * MINUTE);
    expect(wait({ retryAfter: 400 * DAY, status: 429 })).toBe(LONGEST);
  });

  test("a source that is gone is asked a week later", () => {
    expect(wait({ status: 410 })).toBe(LONGEST);
    expect(wait({ status: 404 })).toBe(15 * MINUTE);
  });

  test("the minimum holds", () => {
    expect(wait({}, least, { usual: 1000 })).toBe(MINIMUM);
    expect(wait({}, least, { usual: 1000, minimum: 100 })).toBe(500);
  });
});

describe("a source is due", () => {
  test("from its time on, and when it was never asked", () => {
    expect([isDue(NOW, NOW), isDue(NOW - 1, NOW), isDue(0, NOW)]).toEqual([true, true, true]);
    expect([isDue(NOW + 1, NOW), isDue(NOW + LONGEST, NOW)]).toEqual([false, false]);
  });

  test("when its time lies further ahead than any wait, since a clock was put back", () => {
    expect(isDue(NOW + 365 * DAY, NOW)).toBe(true);
    expect(isDue(Infinity, NOW)).toBe(true);
    expect(isDue(Number.NaN, NOW)).toBe(true);
  });
});

test("whatever was said: not before the minimum, in no hour and on no day to be left alone in, and due in the end", () => {
  const hints = fc.record(
    {
      every: fc.double({ min: 1, max: 1e12, noNaN: true }),
      skipHours: fc.array(fc.integer({ min: 0, max: 23 })),
      skipDays: fc.array(fc.integer({ min: 0, max: 6 })),
    },
    { requiredKeys: [] },
  );
  const times = fc.integer({ min: 0, max: 4e12 });
  fc.assert(
    fc.property(hints, times, fc.double({ min: 0, max: 1e13, noNaN: true }), fc.nat(), (said, now, fresh, failures) => {
      const { skipHours = [], skipDays = [] } = said;
      for (const due of [
        dueAfterAnswer({ now, hints: said, fresh }),
        dueAfterFailure({ now, hints: said, failures: failures + 1, retryAfter: fresh }, least),
      ]) {
        expect(due - now).toBeGreaterThanOrEqual(MINIMUM);
        expect(isDue(due, due)).toBe(true);
        expect(isDue(due, now)).toBe(false);
        if (new Set(skipHours).size < 24) expect(skipHours).not.toContain(new Date(due).getUTCHours());
        if (new Set(skipDays).size < 7) expect(skipDays).not.toContain(new Date(due).getUTCDay());
      }
    }),
  );
});
