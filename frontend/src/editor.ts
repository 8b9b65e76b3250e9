/** The card's settings, and the form in which Home Assistant asks for them. */
import { EVENT_TYPES } from "./event-types";
import { PLATFORM } from "./hass";
import { Texts } from "./localize";
import type { Key } from "./translations/en";

export interface CardConfig {
  type: string;
  entity: string;
  name?: string;
  /** How much of the day is seen at first. */
  hours?: number;
  /** Only these types of events; none means all. */
  types?: string[];
  /** Whether the film of pictures is shown. */
  film?: boolean;
  muted?: boolean;
}

export interface EventsCardConfig {
  type: string;
  /** Only these cameras; none means all. */
  cameras?: string[];
  /** How far the list goes back. */
  hours?: number;
  /** Whether the dashboard has a page for each camera, to open on a press. */
  pages?: boolean;
}

interface Field {
  name: string;
  schema?: Field[];
  [more: string]: unknown;
}

export interface ConfigForm {
  schema: Field[];
  computeLabel(field: Field): string;
}

const CAMERAS = { filter: { integration: PLATFORM, domain: "camera" } };

export function eventsConfigForm(): ConfigForm {
  const texts = new Texts(document.documentElement.lang || "en", undefined);
  return {
    schema: [
      { name: "cameras", selector: { entity: { ...CAMERAS, multiple: true } } },
      { name: "hours", default: 24, selector: { number: { min: 1, max: 168, mode: "box" } } },
    ],
    computeLabel: ({ name }) =>
      texts.get(name === "hours" ? "field_hours_back" : "field_cameras"),
  };
}

export function configForm(): ConfigForm {
  const texts = new Texts(document.documentElement.lang || "en", undefined);
  return {
    schema: [
      {
        name: "entity",
        required: true,
        selector: { entity: CAMERAS },
      },
      { name: "name", selector: { text: {} } },
      { name: "hours", default: 24, selector: { number: { min: 1, max: 24, mode: "slider" } } },
      {
        name: "types",
        selector: {
          select: {
            multiple: true,
            options: EVENT_TYPES.map((type) => ({ value: type, label: texts.type(type) })),
          },
        },
      },
      {
        name: "",
        type: "grid",
        schema: [
          { name: "film", default: true, selector: { boolean: {} } },
          { name: "muted", default: true, selector: { boolean: {} } },
        ],
      },
    ],
    computeLabel: ({ name }) => (name ? texts.get(`field_${name}` as Key) : ""),
  };
}
