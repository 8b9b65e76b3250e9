/** One day of a camera: loaded page by page, then kept up to date by what happens. */
import type { LiveMessage, TimelineApi, TimelineEvent } from "./api";
import { merged, type Interval } from "./intervals";
import { firstFrom } from "./skyline";

export class Day {
  coverage: Interval[] = [];
  holds: Interval[] = [];
  /** Sorted by time. */
  events: readonly TimelineEvent[] = [];
  thumbnails = "";
  complete = false;
  private loading = 0;

  constructor(
    private readonly api: TimelineApi,
    readonly bounds: Interval,
    private readonly changed: () => void,
  ) {}

  /** Load the day, anew if need be. Raises what the command raises. */
  async load(): Promise<void> {
    const turn = ++this.loading;
    let after: string | null = null;
    do {
      const page = await this.api.page(...this.bounds, after);
      if (turn !== this.loading) {
        return;
      }
      if (after === null) {
        this.coverage = merged(page.coverage, []);
        this.holds = page.holds;
        this.thumbnails = page.thumbnails;
      }
      this.add(page.events);
      after = page.next;
      this.changed();
    } while (after !== null);
    this.complete = true;
    this.changed();
  }

  /** Ask again which footage is held. */
  async loadHolds(): Promise<void> {
    const page = await this.api.page(...this.bounds, null, 1);
    this.holds = page.holds;
    this.changed();
  }

  stop(): void {
    this.loading++;
  }

  /** Take in what happens. */
  hear(message: LiveMessage): void {
    const [start, end] = this.bounds;
    if (message.type === "detection") {
      if (message.event.time >= start && message.event.time < end) {
        this.add([message.event]);
        this.changed();
      }
    } else if (message.end > start && message.start < end) {
      this.coverage = merged(this.coverage, [[message.start, message.end]]);
      this.changed();
    }
  }

  /** The nearest event after a time, or before it. */
  neighbour(
    time: number,
    direction: 1 | -1,
    shown: (event: TimelineEvent) => boolean,
  ): TimelineEvent | undefined {
    let place = direction > 0 ? firstFrom(this.events, time + 1) : firstFrom(this.events, time) - 1;
    for (; this.events[place]; place += direction) {
      if (shown(this.events[place]!)) {
        return this.events[place];
      }
    }
    return undefined;
  }

  private add(events: readonly TimelineEvent[]): void {
    const known = new Map(this.events.map((event) => [event.id, event]));
    for (const event of events) {
      known.set(event.id, event);
    }
    this.events = [...known.values()].sort((one, other) => one.time - other.time);
  }
}
