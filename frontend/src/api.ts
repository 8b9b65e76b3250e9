/** The integration's websocket commands and actions. Times are milliseconds since 1970, UTC. */
import { PLATFORM, type HomeAssistant } from "./hass";
import type { Interval } from "./intervals";

export interface TimelineEvent {
  id: string | number;
  time: number;
  type: string;
  capture_id: string | null;
  kind: "snapshot" | "clip" | null;
  plate: string | null;
  region: string | null;
  place: "local" | "offsite" | "archived" | "gone";
  media_content_id: string | null;
  held: boolean;
}

export interface TimelinePage {
  coverage: Interval[];
  holds: Interval[];
  events: TimelineEvent[];
  thumbnails: string;
  next: string | null;
}

export interface DayTotal {
  day: string;
  events: number;
  recorded_s: number;
}

/** Where a piece of footage is on the clock, and on the player's own timeline. */
export type Piece = [wallStart: number, wallEnd: number, offset: number];

export interface Footage {
  url: string;
  mime: string;
  pieces: Piece[];
  codecs: string[];
  next: number | null;
}

export type LiveMessage =
  | { type: "detection"; event: TimelineEvent }
  | { type: "coverage"; start: number; end: number };

export interface Download {
  url: string;
  name: string;
}

const PAGE = 1000;

/** Commands take whole milliseconds; players and pixels have parts of them. */
function span(start: number, end: number): { start: number; end: number } {
  return { start: Math.round(start), end: Math.round(end) };
}

export class TimelineApi {
  constructor(
    private readonly hass: HomeAssistant,
    private readonly camera: string,
  ) {}

  /** One page of a day, newest events first. */
  page(start: number, end: number, after: string | null, limit = PAGE): Promise<TimelinePage> {
    return this.command("timeline", {
      ...span(start, end),
      newest_first: true,
      limit,
      ...(after === null ? {} : { after }),
    });
  }

  async days(start: number, end: number): Promise<DayTotal[]> {
    return (await this.command<{ days: DayTotal[] }>("timeline/days", span(start, end))).days;
  }

  play(start: number, end: number): Promise<Footage> {
    return this.command("timeline/play", span(start, end));
  }

  download(start: number, end: number): Promise<Download> {
    return this.command("timeline/download", span(start, end));
  }

  follow(callback: (message: LiveMessage) => void): Promise<() => Promise<void> | void> {
    return this.hass.connection.subscribeMessage(callback, {
      type: `${PLATFORM}/timeline/subscribe`,
      camera: this.camera,
    });
  }

  /** The address of a capture in full size, and what it is. */
  resolve(mediaContentId: string): Promise<{ url: string; mime_type: string }> {
    return this.hass.callWS({
      type: "media_source/resolve_media",
      media_content_id: mediaContentId,
    });
  }

  protect(start: number, end: number): Promise<unknown> {
    return this.action("protect", start, end);
  }

  unprotect(start: number, end: number): Promise<unknown> {
    return this.action("unprotect", start, end);
  }

  /** Make one file of some footage, which the media browser shows. */
  save(start: number, end: number): Promise<unknown> {
    return this.action("export", start, end, true);
  }

  private command<Answer>(name: string, fields: object): Promise<Answer> {
    return this.hass.callWS({ type: `${PLATFORM}/${name}`, camera: this.camera, ...fields });
  }

  private action(name: string, start: number, end: number, answer = false): Promise<unknown> {
    return this.hass.callService(
      PLATFORM,
      name,
      {
        entity_id: this.camera,
        start: new Date(start).toISOString(),
        end: new Date(end).toISOString(),
      },
      undefined,
      false,
      answer,
    );
  }
}
