/** A Home Assistant as far as the card knows one, and what its recorder answers. */
import type { Footage, LiveMessage, TimelineEvent, TimelinePage } from "../src/api";
import type { HomeAssistant } from "../src/hass";
import type { Interval } from "../src/intervals";

export const CAMERA = "camera.front_door";

export function event(id: string | number, time: number, type = "motion"): TimelineEvent {
  return {
    id,
    time,
    type,
    capture_id: `capture-${id}`,
    kind: "snapshot",
    plate: null,
    region: null,
    place: "local",
    media_content_id: `media-source://hikvision_nvr/${id}`,
    held: false,
  };
}

export class FakeRecorder {
  events: TimelineEvent[] = [];
  coverage: Interval[] = [];
  holds: Interval[] = [];
  codecs = ["avc1.64001f", "mp4a.40.2"];
  asked: Record<string, unknown>[] = [];
  called: { service: string; data: Record<string, unknown> }[] = [];
  follower: ((message: LiveMessage) => void) | undefined;
  refuse: { code: string; message: string } | undefined;

  readonly hass: HomeAssistant = {
    states: {
      [CAMERA]: {
        entity_id: CAMERA,
        state: "recording",
        attributes: { friendly_name: "Front door", supported_features: 2 },
      },
      "camera.other": { entity_id: "camera.other", state: "idle", attributes: {} },
    },
    entities: {
      "camera.other": { entity_id: "camera.other", platform: "generic" },
      [CAMERA]: { entity_id: CAMERA, platform: "hikvision_nvr", device_id: "front" },
    },
    devices: {
      front: { id: "front", name: "Front door", name_by_user: null, via_device_id: "recorder" },
    },
    config: { time_zone: "UTC" },
    language: "en",
    locale: { language: "en", time_format: "24", first_weekday: "monday" },
    themes: { darkMode: false },
    user: { is_admin: true },
    connection: {
      subscribeMessage: (callback) => {
        this.follower = callback as unknown as (message: LiveMessage) => void;
        return Promise.resolve(() => {
          this.follower = undefined;
        });
      },
      addEventListener: () => undefined,
      removeEventListener: () => undefined,
    },
    callWS: <Answer>(command: object) =>
      this.answer(command as Record<string, unknown>) as Promise<Answer>,
    callService: (_domain, service, data) => {
      this.called.push({ service, data: data as Record<string, unknown> });
      return Promise.resolve({});
    },
    hassUrl: (path) => `http://ha${path}`,
  };

  private async answer(command: Record<string, unknown>): Promise<unknown> {
    this.asked.push(command);
    if (this.refuse) {
      throw this.refuse;
    }
    const start = command["start"] as number;
    const end = command["end"] as number;
    switch (command["type"]) {
      case "hikvision_nvr/timeline":
        return this.page(start, end, command);
      case "hikvision_nvr/timeline/play":
        return this.play(start, end);
      case "hikvision_nvr/timeline/days":
        return { days: [] };
      case "hikvision_nvr/timeline/download":
        return { url: "/api/hikvision_nvr/film.mp4", name: "front.mp4" };
      case "media_source/resolve_media":
        return { url: "/api/hikvision_nvr/picture.jpg", mime_type: "image/jpeg" };
      default:
        throw { code: "unknown_command", message: String(command["type"]) };
    }
  }

  private page(start: number, end: number, command: Record<string, unknown>): TimelinePage {
    const limit = command["limit"] as number;
    const after = command["after"] as string | undefined;
    const found = this.events
      .filter((one) => one.time >= start && one.time < end)
      .sort((one, other) => other.time - one.time);
    const from = after === undefined ? 0 : Number(after);
    const next = from + limit < found.length ? String(from + limit) : null;
    return {
      coverage: after === undefined ? this.coverage : [],
      holds: after === undefined ? this.holds : [],
      events: found.slice(from, from + limit),
      thumbnails: "/api/hikvision_nvr/thumbnail/entry/token/",
      next,
    };
  }

  private play(start: number, end: number): Footage {
    const seen = this.coverage.filter(([from, to]) => to > start && from < end);
    if (seen.length === 0) {
      throw { code: "no_footage", message: "nothing" };
    }
    let offset = 0;
    const pieces = seen.map(([from, to]): [number, number, number] => {
      const piece: [number, number, number] = [Math.max(from, start), Math.min(to, end), offset];
      offset += piece[1] - piece[0];
      return piece;
    });
    return {
      url: "/api/hikvision_nvr/playlist/token/index.m3u8",
      mime: "application/vnd.apple.mpegurl",
      pieces,
      codecs: this.codecs,
      next: null,
    };
  }
}
