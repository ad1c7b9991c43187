/** A hill, a sun and a bad camera. */
import type { Picture } from "./contract.ts"

type Colour = readonly [red: number, green: number, blue: number]

const at = (x: number, y: number): Colour => {
  if (Math.hypot((x - 0.7) * 1.5, y - 0.3) < 0.13) return [255, 204, 51]
  if (y > 0.72 + 0.12 * Math.sin(x * 5)) return [38, 92, 66]
  if (y > 0.62 + 0.1 * Math.cos(x * 7)) return [70, 130, 92]
  return [Math.round(70 + 120 * y), Math.round(120 + 80 * y), 205]
}

export const draw = ({ height, pixels, width }: Picture): void => {
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) pixels.set(at(x / width, y / height), (y * width + x) * 3)
  }
}

const specks: ReadonlyArray<Colour> = [[0, 0, 0], [255, 255, 255]]

/** Every eighth pixel or so is black or white. */
export const spoil = ({ pixels }: Picture): void => {
  let random = 1
  for (let place = 0; place < pixels.length; place += 3) {
    random = (random * 48271) % 2147483647
    if (random % 8 === 0) pixels.set(specks[(random >> 8) % 2]!, place)
  }
}

export const countSpecks = ({ pixels }: Picture): number => {
  let count = 0
  for (let place = 0; place < pixels.length; place += 3) {
    const [red, green, blue] = pixels.subarray(place, place + 3)
    if (red === green && green === blue && (red === 0 || red === 255)) count++
  }
  return count
}
