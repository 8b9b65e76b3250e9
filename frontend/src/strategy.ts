/** The ready dashboard: every camera with its timeline, and what the recorder does. */
import { PLATFORM, type HomeAssistant, type RegisteredEntity } from "./hass";
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
  image?: string;
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

function ours(hass: HomeAssistant): RegisteredEntity[] {
  return Object.values(hass.entities).filter(
    (entity) => entity.platform === PLATFORM && !entity.hidden && hass.states[entity.entity_id],
  );
}

function domainOf(entity: RegisteredEntity): string {
  return entity.entity_id.split(".")[0]!;
}

/** The cameras, in the order of their names unless told otherwise. */
export function cameras(hass: HomeAssistant, wanted: readonly string[] = []): CameraEntities[] {
  const found: CameraEntities[] = [];
  for (const entity of ours(hass)) {
    // A camera's other streams have a name of their own.
    if (domainOf(entity) !== "camera" || entity.translation_key) {
      continue;
    }
    const device = entity.device_id ? hass.devices[entity.device_id] : undefined;
    const beside = ours(hass).filter((other) => other.device_id === entity.device_id);
    const of = (domain: string, key?: string): string | undefined =>
      beside.find(
        (other) => domainOf(other) === domain && (!key || other.translation_key === key),
      )?.entity_id;
    const motion = beside.find(
      (other) =>
        domainOf(other) === "binary_sensor" &&
        hass.states[other.entity_id]?.attributes["device_class"] === "motion",
    )?.entity_id;
    const detection = of("event");
    const image = of("image");
    found.push({
      camera: entity.entity_id,
      name:
        device?.name_by_user ??
        device?.name ??
        hass.states[entity.entity_id]?.attributes.friendly_name ??
        entity.entity_id,
      ...(motion ? { motion } : {}),
      ...(detection ? { detection } : {}),
      ...(image ? { image } : {}),
    });
  }
  if (wanted.length > 0) {
    return wanted.flatMap((camera) => found.filter((one) => one.camera === camera));
  }
  return found.sort((one, other) => one.name.localeCompare(other.name, hass.language));
}

function pathOf(camera: string): string {
  return camera.replace("camera.", "").replaceAll("_", "-");
}

function tile(entity: string, more: Json = {}): Json {
  return { type: "tile", entity, ...more };
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
      // The heading says whose they are.
      ...found.map((entity) => tile(entity.entity_id, { name: { type: "entity" } })),
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
  const entities = found.flatMap((camera) => (camera.detection ? [camera.detection] : []));
  return {
    type: "grid",
    cards: [
      { type: "heading", heading: texts.get("latest_events"), icon: "mdi:motion-sensor" },
      {
        type: "logbook",
        target: { entity_id: entities },
        hours_to_show: 24,
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
