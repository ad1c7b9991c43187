/** Spans as lines and as a picture. */
import { type Collected, textOf } from "./collector.ts"

interface Placed extends Collected {
  readonly depth: number
}

/** Parents before their children, in the order of time. */
const placed = (spans: ReadonlyArray<Collected>): ReadonlyArray<Placed> => {
  const ids = new Set(spans.map(({ spanId }) => spanId))
  const under = (parent: string | undefined, depth: number): ReadonlyArray<Placed> =>
    spans
      .filter(({ parentSpanId }) =>
        parent === undefined ? parentSpanId === undefined || !ids.has(parentSpanId) : parentSpanId === parent
      )
      .toSorted((a, b) => Number(BigInt(a.startTimeUnixNano) - BigInt(b.startTimeUnixNano)))
      .flatMap((span) => [[Object.assign(span, { depth })], under(span.spanId, depth + 1)].flat())
  return under(undefined, 0)
}

const kinds: Record<number, string> = { 2: "server", 3: "client" }

const label = ({ attributes, kind, name }: Collected): string => {
  const error = textOf(attributes, "error.type")
  return [name, kinds[kind], error].filter((part) => part !== undefined).join(" · ")
}

export const print = (spans: ReadonlyArray<Collected>): ReadonlyArray<string> =>
  placed(spans).map((span) => `${span.service.padEnd(6)}${"  ".repeat(span.depth)}${label(span)}`)

const colors: Record<string, string> = { web: "#4269d0", shop: "#efb118", stock: "#3ca951" }
const [rowHeight, nameWidth, width] = [22, 330, 900]

export const draw = (spans: ReadonlyArray<Collected>): string => {
  const rows = placed(spans)
  const millis = (nanos: string) => Number(BigInt(nanos) / 1000n) / 1000
  const start = Math.min(...rows.map((row) => millis(row.startTimeUnixNano)))
  const end = Math.max(...rows.map((row) => millis(row.endTimeUnixNano)))
  const x = (time: number) => nameWidth + (time - start) / (end - start) * (width - nameWidth - 10)
  const lines = rows.map((row, i) => {
    const [from, to, y] = [x(millis(row.startTimeUnixNano)), x(millis(row.endTimeUnixNano)), i * rowHeight]
    const length = Math.max(1.5, to - from).toFixed(1)
    return `  <text x="${8 + row.depth * 12}" y="${y + 15}">${label(row)}</text>
  <rect x="${from.toFixed(1)}" y="${y + 4}" width="${length}" height="14" rx="2" fill="${colors[row.service]}"/>`
  })
  const legend = Object.entries(colors).map(([service, color], i) =>
    `  <rect x="${8 + i * 90}" y="${rows.length * rowHeight + 8}" width="12" height="12" rx="2" fill="${color}"/>
  <text x="${26 + i * 90}" y="${rows.length * rowHeight + 18}">${service}</text>`
  )
  const height = rows.length * rowHeight + 30
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
  <rect width="${width}" height="${height}" fill="white"/>
${[...lines, ...legend].join("\n")}
  <text x="${width - 10}" y="${height - 12}" text-anchor="end">${(end - start).toFixed(0)} ms</text>
</svg>
`
}
