// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { TimelineApi } from "../src/api";
import { Player, codecName } from "../src/player";
import { HOUR, MINUTE } from "../src/zone";
import { CAMERA, FakeRecorder } from "./fakes";

const made: FakeHls[] = [];

class FakeHls {
  static Events = { ERROR: "error" };
  static isSupported = (): boolean => true;
  url = "";
  destroyed = false;
  fail: ((event: string, data: object) => void) | undefined;

  constructor(readonly config: { startPosition: number }) {
    made.push(this);
  }

  on(_event: string, callback: (event: string, data: object) => void): void {
    this.fail = callback;
  }

  loadSource(url: string): void {
    this.url = url;
  }

  attachMedia(): void {}

  destroy(): void {
    this.destroyed = true;
  }
}

vi.mock("../src/hls", () => ({
  get Hls() {
    return FakeHls;
  },
}));

const NOON = 12 * HOUR;

describe("the player", () => {
  let recorder: FakeRecorder;
  let player: Player;
  let told: [string, unknown][];

  beforeEach(() => {
    made.length = 0;
    told = [];
    vi.stubGlobal("MediaSource", { isTypeSupported: (mime: string) => !mime.includes("hvc1") });
    recorder = new FakeRecorder();
    recorder.coverage = [
      [NOON - HOUR, NOON + MINUTE],
      [NOON + 10 * MINUTE, NOON + 20 * MINUTE],
    ];
    player = document.createElement("hikvision-nvr-player") as Player;
    player.hass = recorder.hass;
    player.api = new TimelineApi(recorder.hass, CAMERA);
    for (const name of ["problem", "position", "finished"]) {
      player.addEventListener(name, (event) => told.push([name, (event as CustomEvent).detail]));
    }
    document.body.append(player);
  });

  afterEach(() => {
    player.remove();
    vi.unstubAllGlobals();
  });

  const video = (): HTMLVideoElement => player.shadowRoot!.querySelector("video")!;

  /** Let the video have a picture. */
  function pictured(readyState = 4): void {
    Object.defineProperty(video(), "readyState", { value: readyState, configurable: true });
  }

  it("begins at the moment that is wanted, with room to go back", async () => {
    await player.show(NOON, true);
    expect(made[0]!.config.startPosition).toBe((5 * MINUTE) / 1000);
    expect(made[0]!.url).toBe("http://ha/api/hikvision_nvr/playlist/token/index.m3u8");
  });

  it("jumps within what it has without asking again, also across a gap", async () => {
    await player.show(NOON, true);
    const asked = recorder.asked.length;
    await player.show(NOON + 15 * MINUTE, true);
    expect(recorder.asked.length).toBe(asked);
    pictured();
    // Six minutes were before the gap, and five are after it.
    expect(video().currentTime).toBe((11 * MINUTE) / 1000);
    video().dispatchEvent(new Event("seeked"));
    expect(told.at(-1)).toEqual(["position", { playing: true, time: NOON + 15 * MINUTE }]);
  });

  it("says that there is nothing", async () => {
    await player.show(NOON + 5 * HOUR, true);
    expect(told).toEqual([["problem", { playing: true, kind: "none" }]]);
  });

  it("says in words that a browser cannot decode a codec, and asks for nothing", async () => {
    recorder.codecs = ["hvc1.1.6.L93.B0"];
    await player.show(NOON, true);
    expect(told).toEqual([["problem", { playing: true, kind: "codec", codec: "H.265" }]]);
    expect(made).toEqual([]);
    expect(codecName(["mp4a.40.2", "avc1.64001f"])).toBe("H.264");
  });

  it("goes on where it was when it is put back into the page", async () => {
    await player.show(NOON, true);
    pictured();
    video().currentTime = (6 * MINUTE - 5000) / 1000;
    video().dispatchEvent(new Event("timeupdate"));
    pictured(0);
    player.remove();
    expect(made[0]!.destroyed).toBe(true);
    document.body.append(player);
    await vi.waitFor(() => expect(made.length).toBe(2));
    expect(made[1]!.config.startPosition).toBeCloseTo((5 * MINUTE) / 1000);
    const asked = recorder.asked.at(-1)!;
    expect((asked["end"] as number) - 55 * MINUTE).toBe(NOON + MINUTE - 5000);
  });

  it("goes back to where it was when a sleeping tab has lost it", async () => {
    await player.show(NOON, true);
    pictured();
    video().currentTime = (5 * MINUTE) / 1000;
    video().dispatchEvent(new Event("timeupdate"));
    const hidden = vi.spyOn(document, "hidden", "get").mockReturnValue(true);
    const clock = vi.spyOn(Date, "now").mockReturnValue(0);
    document.dispatchEvent(new Event("visibilitychange"));
    video().currentTime = 0;
    video().dispatchEvent(new Event("timeupdate"));
    hidden.mockReturnValue(false);
    clock.mockReturnValue(61_000);
    document.dispatchEvent(new Event("visibilitychange"));
    await player.updateComplete;
    await Promise.resolve();
    expect(video().currentTime).toBe((5 * MINUTE) / 1000);
    expect(told.at(-1)).toEqual(["position", { playing: true, time: NOON }]);
    vi.restoreAllMocks();
  });

  it("asks once for another address when one is forgotten, and then says so", async () => {
    await player.show(NOON, true);
    made[0]!.fail!("error", { fatal: true, details: "manifestLoadError" });
    await vi.waitFor(() => expect(made.length).toBe(2));
    made[1]!.fail!("error", { fatal: true, details: "manifestLoadError" });
    expect(told).toEqual([
      ["problem", { playing: true, kind: "error", message: "manifestLoadError" }],
    ]);
    made[1]!.fail!("error", { fatal: false, details: "bufferStalledError" });
    expect(told.length).toBe(1);
  });
});
