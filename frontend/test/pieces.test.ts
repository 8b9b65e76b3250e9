import { describe, expect, it } from "vitest";
import type { Piece } from "../src/api";
import { mediaTime, wallTime } from "../src/pieces";

/** A minute, a gap of a minute, another minute. */
const PIECES: Piece[] = [
  [100_000, 160_000, 0],
  [220_000, 280_000, 60_000],
];

describe("the clock and the player's timeline", () => {
  it("know each other, across a gap", () => {
    for (const wall of [100_000, 130_500, 159_999, 220_000, 279_000]) {
      expect(wallTime(PIECES, mediaTime(PIECES, wall)!)).toBe(wall);
    }
  });

  it("go on after a gap", () => {
    expect(mediaTime(PIECES, 190_000)).toBe(60_000);
    expect(wallTime(PIECES, 60_000)).toBe(220_000);
  });

  it("end where footage ends", () => {
    expect(mediaTime(PIECES, 280_000)).toBeUndefined();
    expect(wallTime(PIECES, 500_000)).toBe(280_000);
    expect(wallTime([], 0)).toBeUndefined();
  });
});
