/** What cameras see: how it is drawn. The colours are readable on light and on dark. */
import {
  mdiAlarmLight,
  mdiAccount,
  mdiCar,
  mdiEye,
  mdiHandBackRight,
  mdiLoginVariant,
  mdiLogoutVariant,
  mdiMotionSensor,
  mdiRun,
  mdiShapePolygonPlus,
  mdiVectorLine,
  mdiVideoOff,
  mdiVolumeHigh,
} from "@mdi/js";

export interface EventLook {
  colour: string;
  icon: string;
}

const LOOKS: Record<string, EventLook> = {
  motion: { colour: "#d97706", icon: mdiRun },
  line_crossing: { colour: "#0d9488", icon: mdiVectorLine },
  intrusion: { colour: "#dc2626", icon: mdiShapePolygonPlus },
  region_entrance: { colour: "#8b5cf6", icon: mdiLoginVariant },
  region_exit: { colour: "#a855f7", icon: mdiLogoutVariant },
  face: { colour: "#db2777", icon: mdiAccount },
  vehicle: { colour: "#3b82f6", icon: mdiCar },
  pir: { colour: "#b7791f", icon: mdiMotionSensor },
  audio: { colour: "#0891b2", icon: mdiVolumeHigh },
  alarm_input: { colour: "#e11d48", icon: mdiAlarmLight },
  tamper: { colour: "#c2410c", icon: mdiHandBackRight },
  video_loss: { colour: "#64748b", icon: mdiVideoOff },
  other: { colour: "#6b7280", icon: mdiEye },
};

export const EVENT_TYPES = Object.keys(LOOKS);

export function lookOf(type: string): EventLook {
  return LOOKS[type] ?? LOOKS["other"]!;
}
