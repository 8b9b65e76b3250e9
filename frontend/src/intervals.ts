/** Stretches of time, sorted and apart from each other. */

export type Interval = [start: number, end: number];

/** Closer stretches are one to whoever looks at a day. */
const APART = 1_000;

/** The stretches of both, joined where they touch. */
export function merged(first: Interval[], second: Interval[]): Interval[] {
  const sorted = [...first, ...second].sort((one, other) => one[0] - other[0]);
  const joined: Interval[] = [];
  for (const [start, end] of sorted) {
    const last = joined.at(-1);
    if (last && start - last[1] <= APART) {
      last[1] = Math.max(last[1], end);
    } else {
      joined.push([start, end]);
    }
  }
  return joined;
}

/** The place of the first stretch that ends after a time. */
export function firstEndingAfter(intervals: Interval[], time: number): number {
  let low = 0;
  let high = intervals.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (intervals[middle]![1] > time) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

/** The stretch that holds a time. */
export function containing(intervals: Interval[], time: number): Interval | undefined {
  const found = intervals[firstEndingAfter(intervals, time)];
  return found && found[0] <= time ? found : undefined;
}

/** The time itself where it is covered, else the next time that is. */
export function nextCovered(intervals: Interval[], time: number): number | undefined {
  const found = intervals[firstEndingAfter(intervals, time)];
  return found && Math.max(time, found[0]);
}

/** The last moment before a time that is covered. */
export function lastCovered(intervals: Interval[], time: number): number | undefined {
  const place = firstEndingAfter(intervals, time);
  const here = intervals[place];
  if (here && here[0] <= time) {
    return time;
  }
  return intervals[place - 1]?.[1];
}
