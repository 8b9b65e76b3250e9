// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { TimelineCard } from "../src/card";
import { configForm } from "../src/editor";
import { DashboardStrategy } from "../src/strategy";
import { HOUR, MINUTE, SECOND } from "../src/zone";
import { CAMERA, FakeRecorder, event } from "./fakes";

vi.mock("../src/hls", () => ({ Hls: { isSupported: () => false } }));

const NOW = Date.parse("2026-11-22T15:00:00Z");

describe("the card", () => {
  let recorder: FakeRecorder;
  let card: TimelineCard;

  beforeEach(() => {
    vi.useFakeTimers({ now: NOW, toFake: ["Date", "setInterval", "clearInterval"] });
    vi.stubGlobal("MediaSource", { isTypeSupported: () => true });
    recorder = new FakeRecorder();
    recorder.coverage = [[NOW - 2 * HOUR, NOW - HOUR]];
    recorder.events = [
      event("old", NOW - 5 * HOUR, "vehicle"),
      event("covered", NOW - 90 * MINUTE),
      event("new", NOW - MINUTE, "face"),
    ];
  });

  afterEach(() => {
    card.remove();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  async function shown(more: object = {}): Promise<ShadowRoot> {
    card = document.createElement("hikvision-nvr-timeline-card") as TimelineCard;
    card.setConfig({ type: "custom:hikvision-nvr-timeline-card", entity: CAMERA, ...more });
    card.hass = recorder.hass;
    document.body.append(card);
    await vi.waitFor(() => expect(card.shadowRoot!.querySelector(".chip, .empty, .unknown, .trouble")).toBeTruthy());
    await settled();
    return card.shadowRoot!;
  }

  async function settled(): Promise<void> {
    for (let turn = 0; turn < 10; turn++) {
      await card.updateComplete;
      await Promise.resolve();
    }
  }

  async function press(name: string): Promise<void> {
    const button = [...card.shadowRoot!.querySelectorAll("button")].find(
      (one) => one.getAttribute("aria-label") === name || one.textContent!.trim() === name,
    );
    expect(button, name).toBeTruthy();
    button!.click();
    await settled();
  }

  const text = (selector: string): string =>
    card.shadowRoot!.querySelector(selector)?.textContent!.replace(/\s+/g, " ").trim() ?? "";

  it("begins live, and counts the day's events", async () => {
    await shown();
    expect(text(".pill.live")).toBe("Live");
    expect([...card.shadowRoot!.querySelectorAll(".chip")].length).toBe(3);
  });

  it("hears of what happens", async () => {
    await shown();
    recorder.follower!({ type: "detection", event: event("now", NOW - SECOND, "face") });
    await settled();
    expect(text(".chip")).toBe("Face2");
  });

  it("jumps from event to event: to footage where there is some, else to the picture", async () => {
    await shown();
    await press("Previous event");
    expect(text(".picked b")).toBe("Face");
    expect(card.shadowRoot!.querySelector(".picture img")!.getAttribute("src")).toBe(
      "http://ha/api/hikvision_nvr/picture.jpg",
    );
    await press("Previous event");
    expect(text(".picked b")).toBe("Motion");
    expect(card.shadowRoot!.querySelector(".picture")).toBeNull();
    const asked = recorder.asked.find((one) => one["type"] === "hikvision_nvr/timeline/play");
    expect(asked).toBeTruthy();
    await press("Next event");
    expect(text(".picked b")).toBe("Face");
  });

  it("leaves out types that are not wanted, also when jumping", async () => {
    await shown();
    (card.shadowRoot!.querySelector(".chip") as HTMLElement).click();
    await settled();
    const off = card.shadowRoot!.querySelector('.chip[aria-pressed="false"]')!;
    const film = card.shadowRoot!.querySelector("hikvision-nvr-film") as HTMLElement & {
      events: unknown[];
    };
    expect(off).toBeTruthy();
    expect(film.events.length).toBe(2);
  });

  it("says where nothing was recorded, and leads to where something was", async () => {
    await shown();
    card.shadowRoot!
      .querySelector("hikvision-nvr-strip")!
      .dispatchEvent(new CustomEvent("seek", { detail: { time: NOW - 3 * HOUR, final: true } }));
    await settled();
    expect(text(".problem p")).toBe("Nothing was recorded at this time.");
    await press("Go to the next recording");
    expect(card.shadowRoot!.querySelector(".problem")).toBeNull();
  });

  it("goes on with what was recorded while it played, and at last with the live view", async () => {
    await shown();
    const player = async (): Promise<Element> => {
      await settled();
      return card.shadowRoot!.querySelector("hikvision-nvr-player")!;
    };
    const played = (): number =>
      recorder.asked.filter((one) => one["type"] === "hikvision_nvr/timeline/play").length;
    await press("Previous event");
    await press("Previous event");
    const at = (time: number): CustomEvent => new CustomEvent("position", { detail: { time } });
    (await player()).dispatchEvent(at(NOW - HOUR));
    const before = played();
    recorder.follower!({ type: "coverage", start: NOW - HOUR, end: NOW - SECOND });
    recorder.coverage = [[NOW - 2 * HOUR, NOW - SECOND]];
    (await player()).dispatchEvent(new CustomEvent("finished"));
    await settled();
    expect(played()).toBe(before + 1);
    expect(text(".pill")).toContain("14:00:01");
    (await player()).dispatchEvent(at(NOW - 2 * SECOND));
    (await player()).dispatchEvent(new CustomEvent("finished"));
    await settled();
    expect(text(".pill.live")).toBe("Live");
  });

  it("keeps an event and releases exactly what was kept", async () => {
    await shown();
    await press("Previous event");
    await press("Previous event");
    recorder.holds = [[NOW - 91 * MINUTE, NOW - 89 * MINUTE]];
    await press("Keep");
    await settled();
    expect(recorder.called[0]!.service).toBe("protect");
    expect(recorder.called[0]!.data["entity_id"]).toBe(CAMERA);
    await press("Release");
    const { start, end } = recorder.called[1]!.data as { start: string; end: string };
    expect(Date.parse(start)).toBe(NOW - 91 * MINUTE - SECOND);
    expect(Date.parse(end)).toBe(NOW - 89 * MINUTE + SECOND);
  });

  it("shows those who are no admins only what they may do", async () => {
    recorder.hass.user!.is_admin = false;
    await shown();
    await press("Previous event");
    await press("Previous event");
    expect(card.shadowRoot!.querySelector(".picked .hold")).toBeNull();
    expect(card.shadowRoot!.querySelector(".picked .download")).toBeTruthy();
  });

  it("says what is wrong and tries again", async () => {
    recorder.refuse = { code: "recorder_not_loaded", message: "It is being set up." };
    await shown();
    expect(text(".trouble span")).toBe("The recorder does not answer: It is being set up.");
    recorder.refuse = undefined;
    await press("Try again");
    await vi.waitFor(() => expect(text(".trouble")).toBe(""));
  });

  it("downloads a chosen part, whose ends are far enough apart to be taken hold of", async () => {
    await shown();
    await press("Choose a part");
    expect(text(".selected b")).toBe("Chosen part: 1:00");
    const strip = card.shadowRoot!.querySelector("hikvision-nvr-strip") as unknown as {
      view: [number, number];
    };
    expect(strip.view[1] - strip.view[0]).toBe(4 * MINUTE);
    await press("Download");
    const asked = recorder.asked.find((one) => one["type"] === "hikvision_nvr/timeline/download");
    expect([asked!["start"], asked!["end"]]).toEqual([NOW - MINUTE, NOW]);
    expect(text(".note")).toBe("The download has begun.");
    await press("Close");
    expect(card.shadowRoot!.querySelector(".selected")).toBeNull();
  });

  it("takes no camera but the recorder's", async () => {
    await shown({ entity: "camera.other" });
    expect(text(".unknown")).toContain("camera.other is not a camera of this recorder");
    expect(() => card.setConfig({ type: "x", entity: "light.kitchen" })).toThrow("not a camera");
    expect(TimelineCard.getStubConfig(recorder.hass)).toEqual({ entity: CAMERA });
  });

  it("is set up in a form that offers the recorder's cameras", async () => {
    await shown();
    const { schema, computeLabel } = configForm();
    expect(schema[0]!["selector"]).toEqual({
      entity: { filter: { integration: "hikvision_nvr", domain: "camera" } },
    });
    expect(computeLabel(schema[0]!)).toBe("Camera");
  });
});

describe("the dashboard", () => {
  const strategy = { type: "custom:hikvision-nvr" };

  it("has a view for each camera, and leaves out what is not there", async () => {
    const { hass } = new FakeRecorder();
    const { views } = (await DashboardStrategy.generate(strategy, hass)) as {
      views: { path: string; cards?: { entity: string }[] }[];
    };
    expect(views.map((view) => view.path)).toEqual(["overview", "front-door"]);
    expect(views[1]!.cards![0]!.entity).toBe(CAMERA);
    expect(JSON.stringify(views)).not.toContain("camera.other");
  });

  it("shows the way to S3: green while it is there, and only what there is to tell", async () => {
    const { hass } = new FakeRecorder();
    for (const [id, key] of [
      ["binary_sensor.connection", "offsite_connected"],
      ["sensor.backlog", "upload_backlog_files"],
      ["sensor.oldest", "oldest_waiting_upload"],
    ] as const) {
      hass.entities[id] = { entity_id: id, platform: "hikvision_nvr", translation_key: key };
      hass.states[id] = { entity_id: id, state: "0", attributes: {} };
    }
    const { views } = (await DashboardStrategy.generate(strategy, hass)) as {
      views: { sections: { cards: Record<string, unknown>[] }[] }[];
    };
    const tiles = views[0]!.sections.flatMap((section) => section.cards);
    const tile = (entity: string): Record<string, unknown> =>
      tiles.find((one) => one["type"] === "tile" && one["entity"] === entity)!;
    expect(tile("binary_sensor.connection")["color"]).toBe("green");
    expect(tile("sensor.oldest")["visibility"]).toEqual([
      { condition: "state", entity: "sensor.oldest", state_not: "unknown" },
    ]);
  });

  it("says so where there is no camera yet", async () => {
    const { hass } = new FakeRecorder();
    delete hass.entities[CAMERA];
    const found = JSON.stringify(await DashboardStrategy.generate(strategy, hass));
    expect(found).toContain("no camera yet");
  });
});
