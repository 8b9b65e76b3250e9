import { beforeEach, describe, expect, it } from "vitest";
import { HEIGHT, MARKS, columnHeight, paint, type Palette, type Picture } from "../src/painter";
import { lookOf } from "../src/event-types";
import { Scale } from "../src/scale";
import { DAY, HOUR } from "../src/zone";
import { event } from "./fakes";

const PALETTE: Palette = {
  text: "text",
  faint: "faint",
  line: "line",
  track: "track",
  footage: "footage",
  hold: "hold",
  now: "now",
  font: "11px sans-serif",
};

interface Box {
  colour: string;
  left: number;
  width: number;
}

/** A canvas that remembers what was drawn. */
class Paper {
  fillStyle = "";
  font = "";
  textAlign = "";
  textBaseline = "";
  boxes: Box[] = [];
  labels: string[] = [];
  private path: [number, number] = [0, 0];
  clearRect(): void {}
  beginPath(): void {}
  fillRect(left: number, _top: number, width: number): void {
    this.boxes.push({ colour: this.fillStyle, left, width });
  }
  roundRect(left: number, _top: number, width: number): void {
    this.path = [left, width];
  }
  fill(): void {
    const [left, width] = this.path;
    this.boxes.push({ colour: this.fillStyle, left, width });
  }
  measureText(text: string): { width: number } {
    return { width: text.length * 6 };
  }
  fillText(text: string): void {
    this.labels.push(text);
  }
}

describe("the picture of a day", () => {
  let paper: Paper;
  const picture: Picture = {
    scale: new Scale(0, DAY, 960, false),
    coverage: [
      [0, 6 * HOUR],
      [6 * HOUR + 5_000, 8 * HOUR],
      [10 * HOUR, 12 * HOUR],
    ],
    holds: [[HOUR, 2 * HOUR]],
    events: [event(1, 3 * HOUR), event(2, 15 * HOUR, "vehicle")],
    dayStart: 0,
    now: 18 * HOUR,
    zone: "UTC",
    language: "en",
    hour12: false,
  };
  const of = (colour: string): Box[] => paper.boxes.filter((box) => box.colour === colour);

  beforeEach(() => {
    paper = new Paper();
    paint(paper as unknown as CanvasRenderingContext2D, picture, PALETTE);
  });

  it("has a bar for footage, with the gaps that can be seen", () => {
    expect(of("footage").map(({ left, width }) => [left, width])).toEqual([
      [0, 320],
      [400, 80],
    ]);
    expect(of("hold")).toEqual([{ colour: "hold", left: 40, width: 40 }]);
  });

  it("leaves the coverage as it was given", () => {
    expect(picture.coverage[0]).toEqual([0, 6 * HOUR]);
  });

  it("has each event in its colour at its time, and where now is", () => {
    const [motion] = of(lookOf("motion").colour);
    expect(Math.abs(motion!.left - 120)).toBeLessThan(5);
    expect(of(lookOf("vehicle").colour).length).toBe(1);
    expect(of("now")[0]!.left).toBe(719);
    expect(of("track")[0]!.width).toBe(720);
  });

  it("has labels of hours that fit", () => {
    expect(paper.labels).toContain("12:00");
    expect(paper.labels.length).toBeLessThan(14);
  });

  it("is no more work with 5,000 events than there are columns", () => {
    paper = new Paper();
    const events = Array.from({ length: 5000 }, (_all, place) =>
      event(place, place * 17 * 1000, place % 2 ? "motion" : "face"),
    );
    paint(paper as unknown as CanvasRenderingContext2D, { ...picture, events }, PALETTE);
    expect(paper.boxes.length).toBeLessThan(600);
  });

  it("stands higher with more events, and never too high", () => {
    const heights = [1, 2, 5, 20, 500].map(columnHeight);
    expect(heights).toEqual([...heights].sort((one, other) => one - other));
    expect(heights[0]).toBe(10);
    expect(heights.at(-1)).toBeLessThanOrEqual(MARKS.height);
    expect(HEIGHT).toBeGreaterThan(MARKS.height);
  });
});
