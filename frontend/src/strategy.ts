/** The ready dashboard: every camera with its timeline, and what the recorder does. */
import { camerasOf, nameOf, ours, type HomeAssistant, type RegisteredEntity } from "./hass";
import { pathOf } from "./link";
import { Texts, hour12 } from "./localize";

export interface StrategyConfig {
  type: string;
  /** Cameras to show, in this order; none means all. */
  cameras?: string[];
}

type Json = Record<string, unknown>;

interface CameraEntities {
  camera: string;
  name: string;
  motion?: string;
  detection?: string;
}

const ICONS = { overview: "mdi:view-dashboard", camera: "mdi:cctv", recorder: "mdi:harddisk" };

/** What is shown of the recorder, by translation key, in this order. */
const RECORDER = [
  "offsite_connected",
  "upload_backlog_files",
  "upload_backlog_bytes",
  "oldest_waiting_upload",
  "last_upload",
  "storage_used",
  "storage_free",
  "recording_days",
  "uploads_today",
  "job",
];

function domainOf(entity: RegisteredEntity): string {
  return entity.entity_id.split(".")[0]!;
}

/** The cameras, in the order of their names unless told otherwise. */
export function cameras(hass: HomeAssistant, wanted: readonly string[] = []): CameraEntities[] {
  const known = camerasOf(hass);
  const chosen = wanted.length > 0 ? wanted.filter((camera) => known.includes(camera)) : known;
  return chosen.map((camera) => {
    const device = hass.entities[camera]!.device_id;
    const beside = ours(hass).filter((other) => other.device_id === device);
    const motion = beside.find(
      (other) =>
        domainOf(other) === "binary_sensor" &&
        hass.states[other.entity_id]?.attributes["device_class"] === "motion",
    );
    const detection = beside.find((other) => domainOf(other) === "event");
    return {
      camera,
      name: nameOf(hass, camera),
      ...(motion ? { motion: motion.entity_id } : {}),
      ...(detection ? { detection: detection.entity_id } : {}),
    };
  });
}

/** A tile, while there is anything to tell: where nothing waits there is no oldest. */
function tile(entity: string, more: Json = {}): Json {
  const known = { condition: "state", entity, state_not: "unknown" };
  return { type: "tile", entity, visibility: [known], ...more };
}

function recorderSection(hass: HomeAssistant, texts: Texts): Json {
  const entities = ours(hass);
  const found = RECORDER.flatMap((key) =>
    entities.filter((entity) => entity.translation_key === key),
  );
  const backlog = entities
    .filter((entity) => entity.translation_key === "upload_backlog_files")
    .map((entity) => entity.entity_id);
  return {
    type: "grid",
    cards: [
      { type: "heading", heading: texts.get("recorder"), icon: ICONS.recorder },
      ...found.map((entity) =>
        tile(entity.entity_id, {
          // The heading says whose they are.
          name: { type: "entity" },
          // What is on is amber otherwise, as if something were wrong.
          ...(entity.translation_key === "offsite_connected" ? { color: "green" } : {}),
        }),
      ),
      ...(backlog.length > 0
        ? [
            {
              type: "history-graph",
              hours_to_show: 24,
              entities: backlog,
              grid_options: { columns: "full" },
            },
          ]
        : []),
    ],
  };
}

function overviewSection(camera: CameraEntities, texts: Texts): Json {
  return {
    type: "grid",
    cards: [
      {
        type: "heading",
        heading: camera.name,
        icon: ICONS.camera,
        tap_action: { action: "navigate", navigation_path: pathOf(camera.camera) },
        ...(camera.motion
          ? { badges: [{ type: "entity", entity: camera.motion, color: "red" }] }
          : {}),
      },
      {
        type: "picture-entity",
        entity: camera.camera,
        camera_view: "auto",
        show_name: false,
        show_state: false,
        tap_action: { action: "navigate", navigation_path: pathOf(camera.camera) },
        grid_options: { columns: "full" },
      },
      ...(camera.detection
        ? [
            tile(camera.detection, {
              name: texts.get("last_event"),
              state_content: ["event_type", "state"],
              grid_options: { columns: "full" },
            }),
          ]
        : []),
    ],
  };
}

function eventsSection(found: CameraEntities[], texts: Texts): Json {
  return {
    type: "grid",
    cards: [
      { type: "heading", heading: texts.get("latest_events"), icon: "mdi:motion-sensor" },
      {
        type: "custom:hikvision-nvr-events-card",
        cameras: found.map(({ camera }) => camera),
        pages: true,
        grid_options: { columns: "full", rows: 8 },
      },
    ],
  };
}

function cameraView(camera: CameraEntities): Json {
  return {
    title: camera.name,
    path: pathOf(camera.camera),
    type: "panel",
    cards: [{ type: "custom:hikvision-nvr-timeline-card", entity: camera.camera }],
  };
}

export class DashboardStrategy extends HTMLElement {
  static async generate(config: StrategyConfig, hass: HomeAssistant): Promise<Json> {
    const texts = new Texts(hass.language, hour12(hass.locale.time_format));
    const found = cameras(hass, config.cameras);
    if (found.length === 0) {
      const content = texts.get("no_cameras");
      return { views: [{ title: texts.get("overview"), cards: [{ type: "markdown", content }] }] };
    }
    const overview = {
      title: texts.get("overview"),
      path: "overview",
      icon: ICONS.overview,
      type: "sections",
      max_columns: 3,
      sections: [
        ...found.map((camera) => overviewSection(camera, texts)),
        eventsSection(found, texts),
        recorderSection(hass, texts),
      ],
    };
    return { title: texts.get("dashboard_name"), views: [overview, ...found.map(cameraView)] };
  }
}

customElements.define("ll-strategy-dashboard-hikvision-nvr", DashboardStrategy);
