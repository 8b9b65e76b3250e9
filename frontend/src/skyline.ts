/** Many events in few pixels: columns of a skyline, as wide as a finger's precision. */
import type { TimelineEvent } from "./api";
import type { Scale } from "./scale";

/** The events of some pixels: how many of each type, in the order of their first. */
export interface Column {
  x: number;
  count: number;
  types: Map<string, number>;
}

/** The place of the first event at or after a time. */
export function firstFrom(events: readonly TimelineEvent[], time: number): number {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (events[middle]!.time >= time) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

/**
 * The columns of what a scale shows.
 *
 * Columns stand at fixed times for a length of view, not at fixed pixels, so that they
 * do not flicker while the day is dragged along.
 */
export function skyline(
  events: readonly TimelineEvent[],
  scale: Scale,
  width: number,
): Column[] {
  const span = scale.perPixel * width;
  const columns: Column[] = [];
  let current: Column | undefined;
  let slot = Number.NaN;
  for (let place = firstFrom(events, scale.start - span); place < events.length; place++) {
    const event = events[place]!;
    if (event.time > scale.end + span) {
      break;
    }
    const here = Math.floor(event.time / span);
    if (!current || here !== slot) {
      slot = here;
      current = { x: scale.x((here + 0.5) * span), count: 0, types: new Map() };
      columns.push(current);
    }
    current.count += 1;
    current.types.set(event.type, (current.types.get(event.type) ?? 0) + 1);
  }
  return columns;
}
