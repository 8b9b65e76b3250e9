import { describe, expect, it } from "vitest";
import { containing, lastCovered, merged, nextCovered, type Interval } from "../src/intervals";

const MINUTE = 60_000;

describe("stretches of time", () => {
  const recorded: Interval[] = [
    [0, 10 * MINUTE],
    [20 * MINUTE, 30 * MINUTE],
  ];

  it("are joined where they touch or overlap", () => {
    expect(merged(recorded, [[10 * MINUTE + 500, 15 * MINUTE]])).toEqual([
      [0, 15 * MINUTE],
      [20 * MINUTE, 30 * MINUTE],
    ]);
    expect(merged(recorded, [[5 * MINUTE, 25 * MINUTE]])).toEqual([[0, 30 * MINUTE]]);
  });

  it("leave what they were made of as it was", () => {
    const first: Interval[] = [[0, 1]];
    merged(first, [[1, 5]]);
    expect(first).toEqual([[0, 1]]);
  });

  it("know which of them holds a moment", () => {
    expect(containing(recorded, 25 * MINUTE)).toEqual([20 * MINUTE, 30 * MINUTE]);
    expect(containing(recorded, 15 * MINUTE)).toBeUndefined();
    expect(containing(recorded, 10 * MINUTE)).toBeUndefined();
  });

  it("tell where footage goes on, and where it ended", () => {
    expect(nextCovered(recorded, 15 * MINUTE)).toBe(20 * MINUTE);
    expect(nextCovered(recorded, 5 * MINUTE)).toBe(5 * MINUTE);
    expect(nextCovered(recorded, 31 * MINUTE)).toBeUndefined();
    expect(lastCovered(recorded, 15 * MINUTE)).toBe(10 * MINUTE);
    expect(lastCovered(recorded, -1)).toBeUndefined();
  });
});
