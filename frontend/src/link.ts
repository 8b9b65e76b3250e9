/** From the ready dashboard's overview to a moment of a camera's timeline. */

const CAMERA = "camera";
const MOMENT = "at";

/** The path of a camera's view within its dashboard. */
export function pathOf(camera: string): string {
  return camera.replace("camera.", "").replaceAll("_", "-");
}

/** The same, to show a moment; milliseconds since 1970. */
export function linkTo(camera: string, time: number): string {
  return `${pathOf(camera)}?${new URLSearchParams({ [CAMERA]: camera, [MOMENT]: String(time) })}`;
}

/** The moment that the page's address asks a camera for: once, so that a reload is live again. */
export function takeMoment(camera: string): number | undefined {
  const address = new URL(location.href);
  const moment = Number(address.searchParams.get(MOMENT));
  if (address.searchParams.get(CAMERA) !== camera || !(moment > 0)) {
    return undefined;
  }
  address.searchParams.delete(CAMERA);
  address.searchParams.delete(MOMENT);
  history.replaceState(history.state, "", address);
  return moment;
}
