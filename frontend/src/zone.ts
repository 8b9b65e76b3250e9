/** Days and times of day in Home Assistant's time zone. */

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const formats = new Map<string, Intl.DateTimeFormat>();

/** A format, made once: making one costs more than a thousand uses. */
export function format(
  language: string,
  zone: string,
  options: Intl.DateTimeFormatOptions,
): Intl.DateTimeFormat {
  const key = `${language}|${zone}|${JSON.stringify(options)}`;
  let found = formats.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat(language, { timeZone: zone, ...options });
    formats.set(key, found);
  }
  return found;
}

interface LocalTime {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
}

function localTime(time: number, zone: string): LocalTime {
  const parts = format("en-US", zone, {
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
    hourCycle: "h23",
    calendar: "gregory",
    numberingSystem: "latn",
  }).formatToParts(time);
  const found: Record<string, number> = {};
  for (const { type, value } of parts) {
    found[type] = Number(value);
  }
  return found as unknown as LocalTime;
}

/** How far a zone's clocks are ahead of UTC. */
function offset(time: number, zone: string): number {
  const local = localTime(time, zone);
  const asUtc = Date.UTC(
    local.year,
    local.month - 1,
    local.day,
    local.hour,
    local.minute,
    local.second,
  );
  return asUtc - Math.floor(time / SECOND) * SECOND;
}

export function localHour(time: number, zone: string): number {
  return localTime(time, zone).hour;
}

/** The day of a time, as YYYY-MM-DD. */
export function dayOf(time: number, zone: string): string {
  return new Date(time + offset(time, zone)).toISOString().slice(0, 10);
}

/** When a day begins; where clocks skip midnight, the first moment after it. */
export function startOf(day: string, zone: string): number {
  const midnight = Date.parse(`${day}T00:00:00Z`);
  let start = midnight - offset(midnight, zone);
  // The offset may be another one at midnight than at the first guess.
  start = midnight - offset(start, zone);
  return dayOf(start, zone) < day ? start + HOUR : start;
}

export function shifted(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY).toISOString().slice(0, 10);
}
