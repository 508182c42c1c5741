/** Sides of the small copy that is looked at, in pixels. */
const side = 64;
/** Steps of 0 to 255 that still count as the same colour. */
const tolerance = 6;

/** Whether a picture shows nothing: one colour all over, as far as a small copy of it tells. */
export function isOneColour(picture: HTMLCanvasElement): boolean {
  if (picture.width === 0 || picture.height === 0) return true;
  const copy = new OffscreenCanvas(side, side).getContext('2d', { willReadFrequently: true });
  if (copy === null) return false;
  copy.drawImage(picture, 0, 0, side, side);
  return isFlat(copy.getImageData(0, 0, side, side).data);
}

/** @param pixels red, green, blue and opacity, one after another */
export function isFlat(pixels: Uint8ClampedArray): boolean {
  const lowest = [255, 255, 255];
  const highest = [0, 0, 0];
  for (let at = 0; at < pixels.length; at += 4) {
    for (let part = 0; part < 3; part += 1) {
      const value = pixels[at + part] ?? 0;
      if (value < (lowest[part] ?? 0)) lowest[part] = value;
      if (value > (highest[part] ?? 0)) highest[part] = value;
    }
  }
  return highest.every((value, part) => value - (lowest[part] ?? 0) <= tolerance);
}
