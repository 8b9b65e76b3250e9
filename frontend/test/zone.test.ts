import { describe, expect, it } from "vitest";
import { DAY, HOUR, dayOf, shifted, startOf } from "../src/zone";

describe("days in Home Assistant's zone", () => {
  it("begin at its midnight", () => {
    expect(startOf("2026-11-22", "Europe/Berlin")).toBe(Date.parse("2026-11-21T23:00:00Z"));
    expect(startOf("2026-11-22", "America/Los_Angeles")).toBe(Date.parse("2026-11-22T08:00:00Z"));
    expect(startOf("2026-11-22", "Asia/Kathmandu")).toBe(Date.parse("2026-11-21T18:15:00Z"));
  });

  it("are 23 or 25 hours long when clocks are set", () => {
    const length = (day: string): number =>
      startOf(shifted(day, 1), "Europe/Berlin") - startOf(day, "Europe/Berlin");
    expect(length("2026-03-29")).toBe(23 * HOUR);
    expect(length("2026-10-25")).toBe(25 * HOUR);
    expect(length("2026-10-26")).toBe(DAY);
  });

  it("begin after midnight where clocks skip it", () => {
    const start = startOf("2026-04-24", "Africa/Cairo");
    expect(dayOf(start, "Africa/Cairo")).toBe("2026-04-24");
    expect(dayOf(start - 1, "Africa/Cairo")).toBe("2026-04-23");
  });

  it("hold their moments", () => {
    expect(dayOf(Date.parse("2026-11-21T23:30:00Z"), "Europe/Berlin")).toBe("2026-11-22");
    expect(dayOf(Date.parse("2026-12-31T23:59:59Z"), "UTC")).toBe("2026-12-31");
  });
});
