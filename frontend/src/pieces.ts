/** The clock on the wall and the player's own timeline, which has no gaps. */
import type { Piece } from "./api";

/** Where a moment is on the player's timeline; in a gap, where the next piece begins. */
export function mediaTime(pieces: readonly Piece[], wall: number): number | undefined {
  for (const [start, end, offset] of pieces) {
    if (wall < end) {
      return offset + Math.max(0, wall - start);
    }
  }
  return undefined;
}

/** What the clock showed at a place of the player's timeline. */
export function wallTime(pieces: readonly Piece[], media: number): number | undefined {
  let found: number | undefined;
  for (const [start, end, offset] of pieces) {
    if (media < offset && found !== undefined) {
      break;
    }
    found = Math.min(end, start + Math.max(0, media - offset));
  }
  return found;
}
