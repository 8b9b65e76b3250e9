/** Draws a day: what was recorded, what was seen, what is held. */
import type { TimelineEvent } from "./api";
import { lookOf } from "./event-types";
import { firstEndingAfter, type Interval } from "./intervals";
import { ticks, type Scale } from "./scale";
import { skyline, type Column } from "./skyline";
import { MINUTE, format } from "./zone";

/** Heights of the parts, from the top, in pixels. */
export const MARKS = { top: 10, height: 34 };
export const TRACK = { top: 50, height: 12 };
export const LABELS = { top: 66, height: 16 };
export const HEIGHT = LABELS.top + LABELS.height;

const COLUMN = 4;
const LABEL_ROOM = 68;

export interface Palette {
  text: string;
  faint: string;
  line: string;
  track: string;
  footage: string;
  hold: string;
  now: string;
  font: string;
}

export interface Picture {
  scale: Scale;
  coverage: readonly Interval[];
  holds: readonly Interval[];
  events: readonly TimelineEvent[];
  dayStart: number;
  now: number;
  zone: string;
  language: string;
  hour12: boolean | undefined;
}

export function paint(
  context: CanvasRenderingContext2D,
  picture: Picture,
  palette: Palette,
): void {
  const { scale } = picture;
  context.clearRect(0, 0, scale.width, HEIGHT);
  paintTicks(context, picture, palette);
  paintTrack(context, picture, palette);
  for (const column of skyline(picture.events, scale, COLUMN)) {
    paintColumn(context, column);
  }
  if (picture.now > scale.start && picture.now < scale.end) {
    context.fillStyle = palette.now;
    context.fillRect(Math.round(scale.x(picture.now)) - 1, MARKS.top, 2, TRACK.top + TRACK.height - MARKS.top);
  }
}

function paintTicks(
  context: CanvasRenderingContext2D,
  { scale, dayStart, zone, language, hour12 }: Picture,
  palette: Palette,
): void {
  const { step, times } = ticks(scale, dayStart, zone, LABEL_ROOM);
  const label = format(language, zone, {
    hour: "numeric",
    minute: "2-digit",
    ...(step < MINUTE ? { second: "2-digit" } : {}),
    ...(hour12 === undefined ? {} : { hour12 }),
  });
  context.font = palette.font;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (const time of times) {
    const x = Math.round(scale.x(time));
    context.fillStyle = palette.line;
    context.fillRect(x, MARKS.top, 1, LABELS.top - MARKS.top - 2);
    const text = label.format(time);
    const half = context.measureText(text).width / 2 + 2;
    if (x >= half && x <= scale.width - half) {
      context.fillStyle = palette.faint;
      context.fillText(text, x, LABELS.top + LABELS.height / 2);
    }
  }
}

function paintTrack(
  context: CanvasRenderingContext2D,
  { scale, coverage, holds, now }: Picture,
  palette: Palette,
): void {
  const { top, height } = TRACK;
  bar(context, scale, [scale.start, Math.min(now, scale.end)], top, height, palette.track);
  for (const stretch of seen(coverage, scale)) {
    bar(context, scale, stretch, top, height, palette.footage);
  }
  for (const stretch of seen(holds, scale)) {
    bar(context, scale, stretch, top + height - 4, 4, palette.hold);
  }
}

function seen(intervals: readonly Interval[], scale: Scale): Interval[] {
  const found: Interval[] = [];
  // Gaps of less than a pixel would only make the bar look frayed.
  const unseen = scale.perPixel;
  for (let place = firstEndingAfter(intervals as Interval[], scale.start); place < intervals.length; place++) {
    const stretch = intervals[place]!;
    if (stretch[0] > scale.end) {
      break;
    }
    const last = found.at(-1);
    if (last && stretch[0] - last[1] < unseen) {
      last[1] = stretch[1];
    } else {
      found.push([stretch[0], stretch[1]]);
    }
  }
  return found;
}

function bar(
  context: CanvasRenderingContext2D,
  scale: Scale,
  [start, end]: Interval,
  top: number,
  height: number,
  colour: string,
): void {
  const from = scale.x(Math.max(start, scale.start));
  const to = scale.x(Math.min(end, scale.end));
  const left = Math.min(from, to);
  // What lasted a moment is still to be seen.
  const width = Math.max(1.5, Math.abs(to - from));
  if (end <= start) {
    return;
  }
  context.fillStyle = colour;
  context.beginPath();
  context.roundRect(left, top, width, height, Math.min(3, width / 2));
  context.fill();
}

/** More events stand higher, but the tenth counts less than the second. */
export function columnHeight(count: number): number {
  const least = 10;
  return least + (MARKS.height - least) * (1 - Math.exp((1 - count) / 14));
}

function paintColumn(context: CanvasRenderingContext2D, { x, count, types }: Column): void {
  const height = columnHeight(count);
  const bottom = MARKS.top + MARKS.height;
  const left = Math.round(x - COLUMN / 2) + 0.5;
  let top = bottom - height;
  // The same order in each column, or the skyline would flicker.
  const stacked = [...types].sort(([one], [other]) => (one < other ? -1 : 1));
  for (const [type, number] of stacked) {
    const part = (height * number) / count;
    context.fillStyle = lookOf(type).colour;
    if (types.size === 1) {
      context.beginPath();
      context.roundRect(left, top, COLUMN - 1, part, 1.5);
      context.fill();
    } else {
      context.fillRect(left, top, COLUMN - 1, part);
    }
    top += part;
  }
}
