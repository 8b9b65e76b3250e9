import { describe, expect, it } from "vitest";
import type { TimelineEvent } from "../src/api";
import { Scale, panned } from "../src/scale";
import { firstFrom, skyline } from "../src/skyline";
import { DAY, MINUTE, SECOND } from "../src/zone";
import { event } from "./fakes";

describe("many events", () => {
  const day: TimelineEvent[] = Array.from({ length: 5000 }, (_all, place) =>
    event(place, (place * DAY) / 5000, place % 7 ? "motion" : "vehicle"),
  );

  it("become no more columns than there is room for, and none is lost", () => {
    const columns = skyline(day, new Scale(0, DAY, 800, false), 4);
    expect(columns.length).toBeLessThanOrEqual(202);
    expect(columns.reduce((sum, column) => sum + column.count, 0)).toBe(5000);
    const types = columns.reduce((sum, column) => sum + (column.types.get("vehicle") ?? 0), 0);
    expect(types).toBe(Math.ceil(5000 / 7));
  });

  it("keep their columns while the day is dragged", () => {
    const here = skyline(day, new Scale(0, DAY / 4, 800, false), 4);
    const [start, end] = panned([0, DAY / 4], 7 * MINUTE + 13 * SECOND, [0, DAY]);
    const moved = skyline(day, new Scale(start, end, 800, false), 4);
    const counts = here.map((column) => column.count).slice(20, 150);
    const shift = here.length - moved.length;
    expect(moved.map((column) => column.count).join()).toContain(counts.slice(shift + 10).join());
  });

  it("are found by their time", () => {
    expect(firstFrom(day, 0)).toBe(0);
    expect(firstFrom(day, DAY)).toBe(5000);
    expect(day[firstFrom(day, DAY / 2)]!.time).toBeGreaterThanOrEqual(DAY / 2);
  });
});
