/** What part of a day is seen, and where on the screen its moments are. */
import type { Interval } from "./intervals";
import { HOUR, MINUTE, SECOND, localHour } from "./zone";

const SHORTEST = MINUTE;

/** Moments to pixels and back; in right-to-left languages time runs to the left. */
export class Scale {
  constructor(
    readonly start: number,
    readonly end: number,
    readonly width: number,
    readonly rtl: boolean,
  ) {}

  get perPixel(): number {
    return (this.end - this.start) / Math.max(1, this.width);
  }

  x(time: number): number {
    const along = (time - this.start) / this.perPixel;
    return this.rtl ? this.width - along : along;
  }

  time(x: number): number {
    return this.start + (this.rtl ? this.width - x : x) * this.perPixel;
  }
}

/** The same length of time, moved so that it stays within bounds. */
function within([start, end]: Interval, [first, last]: Interval): Interval {
  const length = Math.min(end - start, last - first);
  const begin = Math.min(Math.max(start, first), last - length);
  return [begin, begin + length];
}

export function panned(view: Interval, by: number, bounds: Interval): Interval {
  return within([view[0] + by, view[1] + by], bounds);
}

/** Show more or less of the day, with one moment staying where it is. */
export function zoomed(
  view: Interval,
  factor: number,
  around: number,
  bounds: Interval,
): Interval {
  const length = view[1] - view[0];
  const wanted = Math.min(Math.max(length * factor, SHORTEST), bounds[1] - bounds[0]);
  const share = (around - view[0]) / length;
  const start = around - wanted * share;
  return within([start, start + wanted], bounds);
}

/** The view moved as little as shows a moment, with some room around it. */
export function showing(view: Interval, time: number, bounds: Interval): Interval {
  const room = (view[1] - view[0]) / 8;
  if (time < view[0] + room / 4) {
    return panned(view, time - view[0] - room, bounds);
  }
  if (time > view[1] - room / 4) {
    return panned(view, time - view[1] + room, bounds);
  }
  return view;
}

const STEPS = [
  5 * SECOND,
  10 * SECOND,
  30 * SECOND,
  MINUTE,
  2 * MINUTE,
  5 * MINUTE,
  10 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  3 * HOUR,
  6 * HOUR,
  12 * HOUR,
];

export interface Ticks {
  step: number;
  times: number[];
}

/** Round times of day, so far apart that their labels do not touch. */
export function ticks(scale: Scale, dayStart: number, zone: string, room: number): Ticks {
  const wanted = scale.perPixel * room;
  const step = STEPS.find((one) => one >= wanted) ?? 12 * HOUR;
  // Hours are asked of the clock, which may be set in the middle of the day.
  const every = Math.min(step, HOUR);
  const hours = step / HOUR;
  const first = dayStart + Math.ceil((scale.start - dayStart) / every) * every;
  const times: number[] = [];
  for (let time = first; time <= scale.end; time += every) {
    if (step <= HOUR || localHour(time, zone) % hours === 0) {
      times.push(time);
    }
  }
  return { step, times };
}
