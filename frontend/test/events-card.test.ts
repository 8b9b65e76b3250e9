// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import "../src/card";
import type { TimelineCard } from "../src/card";
import { eventsConfigForm } from "../src/editor";
import "../src/events-card";
import type { EventsCard } from "../src/events-card";
import { linkTo, takeMoment } from "../src/link";
import { DashboardStrategy } from "../src/strategy";
import { HOUR, MINUTE, SECOND } from "../src/zone";
import { CAMERA, FakeRecorder, event } from "./fakes";

vi.mock("../src/hls", () => ({ Hls: { isSupported: () => false } }));

const NOW = Date.parse("2026-11-22T15:00:00Z");
const WORD = /\s+/g;

describe("the list of events", () => {
  let recorder: FakeRecorder;
  let card: EventsCard | TimelineCard;

  beforeEach(() => {
    vi.useFakeTimers({ now: NOW, toFake: ["Date", "setInterval", "clearInterval"] });
    recorder = new FakeRecorder();
    recorder.events = [
      event("yesterday", NOW - 20 * HOUR, "vehicle"),
      event("before", NOW - 25 * HOUR),
      event("last", NOW - MINUTE, "face"),
    ];
  });

  afterEach(() => {
    card.remove();
    vi.useRealTimers();
    history.replaceState(null, "", "/");
  });

  async function shown(more: object = {}): Promise<void> {
    const made = document.createElement("hikvision-nvr-events-card") as EventsCard;
    card = made;
    made.setConfig({ type: "custom:hikvision-nvr-events-card", ...more });
    made.hass = recorder.hass;
    document.body.append(made);
    await settled();
  }

  async function settled(): Promise<void> {
    for (let turn = 0; turn < 10; turn++) {
      await card.updateComplete;
      await Promise.resolve();
    }
  }

  const rows = (): string[] =>
    [...card.shadowRoot!.querySelectorAll("li")].map((one) =>
      one.textContent!.replace(WORD, " ").trim(),
    );

  it("has the newest first, of the last hours, with pictures", async () => {
    await shown();
    expect(rows()).toEqual([
      "Face Front door 14:59:00",
      "Vehicle Front door Sat, Nov 2119:00:00",
    ]);
    const pictures = [...card.shadowRoot!.querySelectorAll("img")];
    expect(pictures.map((one) => one.getAttribute("src"))).toEqual([
      "/api/hikvision_nvr/thumbnail/entry/token/capture-last",
      "/api/hikvision_nvr/thumbnail/entry/token/capture-yesterday",
    ]);
  });

  it("hears of what happens: first the event, then its picture", async () => {
    await shown();
    const told = event("now", NOW - SECOND, "intrusion");
    recorder.follower!({ type: "detection", event: { ...told, capture_id: null } });
    await settled();
    expect(rows()[0]).toBe("Intrusion Front door 14:59:59");
    expect(card.shadowRoot!.querySelectorAll("img").length).toBe(2);
    recorder.follower!({ type: "detection", event: told });
    await settled();
    expect(rows().length).toBe(3);
    expect(card.shadowRoot!.querySelectorAll("img").length).toBe(3);
  });

  it("shows an icon where a picture is gone", async () => {
    await shown();
    card.shadowRoot!.querySelector("img")!.dispatchEvent(new Event("error"));
    await settled();
    expect(card.shadowRoot!.querySelectorAll("img").length).toBe(1);
    expect(rows().length).toBe(2);
  });

  it("says so where nothing happened, and where the recorder does not answer", async () => {
    recorder.events = [];
    await shown({ hours: 2 });
    expect(card.shadowRoot!.textContent).toContain("No events in the last 2 hours.");
    card.remove();
    recorder.refuse = { code: "recorder_not_loaded", message: "it is off" };
    await shown();
    expect(card.shadowRoot!.textContent).toContain("it is off");
  });

  it("keeps to the cameras that are chosen", async () => {
    await shown({ cameras: ["camera.other"] });
    expect(rows()).toEqual([]);
    const { schema, computeLabel } = eventsConfigForm();
    expect(schema.map((field) => computeLabel(field))).toEqual(["Only these cameras", "Hours back"]);
  });

  it("opens the camera's timeline at the event, once", async () => {
    recorder.coverage = [[NOW - 2 * MINUTE, NOW]];
    history.replaceState(null, "", "/cameras/overview");
    await shown({ pages: true });
    const followed = vi.fn();
    window.addEventListener("location-changed", followed, { once: true });
    card.shadowRoot!.querySelector("button")!.click();
    expect(followed).toHaveBeenCalledOnce();
    expect(location.pathname).toBe("/cameras/front-door");
    card.remove();
    const timeline = document.createElement("hikvision-nvr-timeline-card") as TimelineCard;
    card = timeline;
    timeline.setConfig({ type: "custom:hikvision-nvr-timeline-card", entity: CAMERA });
    timeline.hass = recorder.hass;
    document.body.append(timeline);
    await vi.waitFor(() => expect(card.shadowRoot!.querySelector(".picked")).toBeTruthy());
    expect(card.shadowRoot!.querySelector(".picked b")!.textContent).toBe("Face");
    expect(location.search).toBe("");
  });

  it("opens the camera's dialog where there is no page for it", async () => {
    await shown();
    const asked = vi.fn();
    card.addEventListener("hass-more-info", (told) => asked((told as CustomEvent).detail));
    card.shadowRoot!.querySelector("button")!.click();
    expect(asked).toHaveBeenCalledWith({ entityId: CAMERA });
  });

  it("leaves another camera's moment alone", async () => {
    await shown();
    history.replaceState(null, "", `/cameras/${linkTo("camera.other", NOW)}`);
    expect(takeMoment(CAMERA)).toBeUndefined();
    expect(takeMoment("camera.other")).toBe(NOW);
    expect(takeMoment("camera.other")).toBeUndefined();
  });

  it("is what the ready dashboard shows of all cameras", async () => {
    await shown();
    const strategy = { type: "custom:hikvision-nvr" };
    const found = JSON.stringify(await DashboardStrategy.generate(strategy, recorder.hass));
    expect(found).toContain("hikvision-nvr-events-card");
    // It tells of entities that come and go with each restart.
    expect(found).not.toContain("logbook");
  });
});
