"""The timeline card in Chromium: does a day of 5,000 events follow the finger?

    scripts/bench card [--quick] [--events N]

The built module runs in a page with a recorder that answers at once. A pointer drags the
day to and fro and a wheel zooms in and out, one step a frame. The peer is the same card on
the same day without any event or footage, in the same run: a ratio is the frames a second
with the full day by those with the empty one, higher is better, 1 is as smooth as this
machine's browser can be. Beside it stand the milliseconds that a frame's own work takes.
"""

import argparse
import json

from playwright.sync_api import Page, Route

from benchmarks._machine import describe_machine
from benchmarks._report import median, percentile, print_result, print_table
from custom_components.hikvision_nvr.frontend import MODULE
from tests.e2e.browser import chromium

PAGE = "http://card.invalid/"
EVENTS = 5_000
FRAMES = 240
DAY = """
const DAY = 86_400_000, NOW = Date.parse("2026-11-22T23:59:00Z");
const START = Date.parse("2026-11-22T00:00:00Z");
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...given) { super(...(given.length ? given : [NOW])); }
  static now() { return NOW; }
};
const TYPES = ["motion", "motion", "motion", "vehicle", "line_crossing", "face"];
let seed = 7;
const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
const times = Array.from({ length: COUNT }, () => {
  // More by day than by night.
  const hour = 12 + 5 * (random() + random() + random() - 1.5) + 6 * (random() - 0.5);
  return START + Math.floor(Math.min(23.97, Math.max(0, hour)) * 3_600_000);
}).sort((one, other) => other - one);
const events = times.map((time, number) => ({
  id: String(number), time, type: TYPES[number % TYPES.length],
  capture_id: null, kind: null, plate: number % 50 ? null : "M AB 123",
  region: null, place: "local", media_content_id: null, held: false,
}));
const coverage = COUNT === 0 ? [] : Array.from({ length: 80 }, (_all, number) => {
  const start = START + number * DAY / 80;
  return [start, start + DAY / 80 - (number % 9 === 4 ? 600_000 : 2_000)];
});
const camera = "camera.front_door";
const card = document.createElement("hikvision-nvr-timeline-card");
card.setConfig({ type: "custom:hikvision-nvr-timeline-card", entity: camera });
card.hass = {
  states: { [camera]: { entity_id: camera, state: "recording",
                        attributes: { friendly_name: "Front door" } } },
  entities: { [camera]: { entity_id: camera, platform: "hikvision_nvr" } },
  devices: {}, config: { time_zone: "UTC" }, language: "en",
  locale: { language: "en", time_format: "24", first_weekday: "monday" },
  themes: { darkMode: false }, user: { is_admin: true },
  connection: { subscribeMessage: async () => () => undefined,
                addEventListener() {}, removeEventListener() {} },
  hassUrl: (path) => path,
  callService: async () => ({}),
  callWS: async ({ type, limit, after }) => {
    if (type !== "hikvision_nvr/timeline") throw { code: "no_footage", message: "" };
    const from = Number(after ?? 0);
    return { coverage: after ? [] : coverage,
             holds: after || !COUNT ? [] : [[START + 9 * 3_600_000, START + 10 * 3_600_000]],
             events: events.slice(from, from + limit), thumbnails: "",
             next: from + limit < events.length ? String(from + limit) : null };
  },
};
document.body.append(card);
await new Promise((done) => setTimeout(done, 300));
"""
MEASURE = """
async ([frames, kind]) => {
  const card = document.querySelector("hikvision-nvr-timeline-card");
  const strip = card.shadowRoot.querySelector("hikvision-nvr-strip");
  const track = strip.shadowRoot.querySelector(".track");
  track.setPointerCapture = () => undefined;
  const box = track.getBoundingClientRect();
  const y = box.top + 40;
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const pointer = (type, x) => track.dispatchEvent(new PointerEvent(type, {
    bubbles: true, pointerId: 1, button: 0, clientX: box.left + x, clientY: y }));
  const wheel = (deltaY) => track.dispatchEvent(new WheelEvent("wheel", {
    bubbles: true, cancelable: true, deltaY, clientX: box.left + box.width / 3, clientY: y }));
  for (let step = 0; step < 6; step++) { wheel(-200); await frame(); }
  const gaps = [], work = [];
  let x = box.width / 2, last = await frame();
  if (kind === "drag") pointer("pointerdown", x);
  for (let number = 0; number < frames; number++) {
    const begun = performance.now();
    if (kind === "drag") {
      x += (number % 120 < 60 ? -9 : 9);
      pointer("pointermove", x);
    } else {
      wheel(number % 60 < 30 ? 40 : -40);
    }
    await strip.updateComplete;
    const now = await frame();
    // Its picture is drawn in the frame that has just been asked for.
    work.push(performance.now() - Math.max(begun, now));
    gaps.push(now - last);
    last = now;
  }
  if (kind === "drag") pointer("pointerup", x);
  return { gaps, work };
}
"""


def _serve(route: Route) -> None:
    if route.request.url.endswith(".js"):
        route.fulfill(path=MODULE, content_type="text/javascript")
    else:
        route.fulfill(
            body='<!doctype html><html lang="en"><body style="margin: 16px;'
            ' font-family: sans-serif; max-width: 1000px">'
            '<script type="module" src="/card.js"></script></body></html>',
            content_type="text/html",
        )


def _open(page: Page, events: int) -> None:
    page.goto(PAGE)
    page.wait_for_function("!!customElements.get('hikvision-nvr-timeline-card')")
    page.evaluate(f"async () => {{ const COUNT = {json.dumps(events)}; {DAY} }}")


def _measure(page: Page, kind: str, frames: int) -> tuple[float, float]:
    """Return frames a second, and the 95th percentile of a frame's work in ms."""
    found = page.evaluate(MEASURE, [frames, kind])
    return 1000 / (sum(found["gaps"]) / frames), percentile(found["work"], 95)


def main() -> None:
    """Measure in turn, and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--picture", help="where to leave a picture of the full day")
    arguments = parser.parse_args()
    rounds, frames = (1, 60) if arguments.quick else (3, FRAMES)
    print("\n".join(describe_machine()))
    seen: dict[tuple[str, bool], list[tuple[float, float]]] = {}
    with chromium() as browser:
        page = browser.page
        page.route("**/*", _serve)
        for _ in range(rounds):
            for full in (True, False):
                _open(page, arguments.events if full else 0)
                if full and arguments.picture:
                    page.screenshot(path=arguments.picture)
                for kind in ("drag", "zoom"):
                    seen.setdefault((kind, full), []).append(
                        _measure(page, kind, frames)
                    )
        assert browser.complaints == [], browser.complaints
    rows, ratios, figures = [], {}, {}
    for kind in ("drag", "zoom"):
        ours, peer = seen[kind, True], seen[kind, False]
        ratios[f"{kind}_frames"] = median(
            one[0] / other[0] for one, other in zip(ours, peer, strict=True)
        )
        figures[f"{kind}_frames_per_second"] = median(one[0] for one in ours)
        figures[f"{kind}_frame_work_ms"] = median(one[1] for one in ours)
        for name, of in ((f"{arguments.events} events", ours), ("empty day", peer)):
            rate, work = (median(one[place] for one in of) for place in (0, 1))
            rows.append((f"{kind}, {name}", f"{rate:.1f}", f"{work:.2f}"))
    print_table(("", "frames/s", "work of a frame, ms (p95)"), rows)
    print_result("card", ratios, figures)


if __name__ == "__main__":
    main()
