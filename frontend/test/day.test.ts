import { describe, expect, it } from "vitest";
import { TimelineApi } from "../src/api";
import { Day } from "../src/day";
import { DAY, MINUTE } from "../src/zone";
import { CAMERA, FakeRecorder, event } from "./fakes";

function dayOf(recorder: FakeRecorder): Day {
  return new Day(new TimelineApi(recorder.hass, CAMERA), [0, DAY], () => undefined);
}

describe("a day", () => {
  it("is loaded page by page, and each event is there once", async () => {
    const recorder = new FakeRecorder();
    recorder.events = Array.from({ length: 2500 }, (_all, place) => event(place, place * 1000));
    recorder.coverage = [[0, MINUTE]];
    const day = dayOf(recorder);
    await day.load();
    expect(recorder.asked.length).toBe(3);
    expect(day.events.length).toBe(2500);
    expect(day.events.map((one) => one.time)).toEqual(recorder.events.map((one) => one.time));
    expect(day.coverage).toEqual([[0, MINUTE]]);
    expect(day.complete).toBe(true);
  });

  it("takes in what happens: a detection, its picture later, new footage", async () => {
    const recorder = new FakeRecorder();
    recorder.coverage = [[0, MINUTE]];
    const day = dayOf(recorder);
    await day.load();
    const bare = { ...event("a", 5000), capture_id: null };
    day.hear({ type: "detection", event: bare });
    day.hear({ type: "detection", event: event("a", 5000) });
    day.hear({ type: "detection", event: event("tomorrow", DAY + 1) });
    day.hear({ type: "coverage", start: MINUTE, end: 2 * MINUTE });
    expect(day.events.map((one) => one.capture_id)).toEqual(["capture-a"]);
    expect(day.coverage).toEqual([[0, 2 * MINUTE]]);
  });

  it("stops when another day is opened", async () => {
    const recorder = new FakeRecorder();
    recorder.events = [event(1, 1)];
    const day = dayOf(recorder);
    const loading = day.load();
    day.stop();
    await loading;
    expect(day.complete).toBe(false);
    expect(day.events).toEqual([]);
  });

  it("knows the next and the previous event of those that are shown", async () => {
    const recorder = new FakeRecorder();
    recorder.events = [event(1, 1000), event(2, 2000, "face"), event(3, 3000)];
    const day = dayOf(recorder);
    await day.load();
    expect(day.neighbour(1000, 1, () => true)?.id).toBe(2);
    expect(day.neighbour(1000, 1, (one) => one.type !== "face")?.id).toBe(3);
    expect(day.neighbour(1000, -1, () => true)).toBeUndefined();
    expect(day.neighbour(9000, -1, () => true)?.id).toBe(3);
  });
});
