import { describe, expect, it } from "vitest";
import type { Interval } from "../src/intervals";
import { Scale, panned, showing, ticks, zoomed } from "../src/scale";
import { DAY, HOUR, MINUTE, localHour, startOf } from "../src/zone";

const BOUNDS: Interval = [0, DAY];

describe("the scale", () => {
  it("is its own inverse, also where time runs to the left", () => {
    for (const rtl of [false, true]) {
      const scale = new Scale(HOUR, 2 * HOUR, 600, rtl);
      expect(scale.time(scale.x(1.25 * HOUR))).toBeCloseTo(1.25 * HOUR);
    }
    expect(new Scale(0, 100, 100, true).x(0)).toBe(100);
  });

  it("never leaves the day", () => {
    expect(panned([0, HOUR], -HOUR, BOUNDS)).toEqual([0, HOUR]);
    expect(panned([0, HOUR], 2 * DAY, BOUNDS)).toEqual([DAY - HOUR, DAY]);
    expect(zoomed([HOUR, 2 * HOUR], 1000, HOUR, BOUNDS)).toEqual(BOUNDS);
  });

  it("keeps what is under the finger, and shows a minute at least", () => {
    const view = zoomed([0, DAY], 0.5, 6 * HOUR, BOUNDS);
    expect(view).toEqual([3 * HOUR, 15 * HOUR]);
    const [start, end] = zoomed([0, HOUR], 0.0001, HOUR / 2, BOUNDS);
    expect(end - start).toBe(MINUTE);
  });

  it("follows the playhead only when it leaves", () => {
    const view: Interval = [HOUR, 2 * HOUR];
    expect(showing(view, 1.5 * HOUR, BOUNDS)).toBe(view);
    const [start, end] = showing(view, 3 * HOUR, BOUNDS);
    expect(start).toBeLessThan(3 * HOUR);
    expect(end).toBeGreaterThan(3 * HOUR);
  });
});

describe("the ticks", () => {
  it("stand at round hours, far enough apart", () => {
    const scale = new Scale(0, DAY, 700, false);
    const { step, times } = ticks(scale, 0, "UTC", 68);
    expect(step).toBe(3 * HOUR);
    expect(times).toEqual([0, 3, 6, 9, 12, 15, 18, 21, 24].map((hour) => hour * HOUR));
  });

  it("stay at round hours on a day on which clocks are set", () => {
    const zone = "Europe/Berlin";
    const start = startOf("2026-10-25", zone);
    const scale = new Scale(start, start + 25 * HOUR, 700, false);
    const hours = ticks(scale, start, zone, 68).times.map((time) => localHour(time, zone));
    expect(hours.every((hour) => hour % 3 === 0)).toBe(true);
    expect(hours.slice(0, 3)).toEqual([0, 3, 6]);
  });
});
