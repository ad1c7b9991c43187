/** The code that the front pages show is the code that the tests run, and their links lead somewhere. */
import { assert, describe, it } from "@effect/vitest"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"

const repository = fileURLToPath(new URL("../..", import.meta.url))
const read = (path: string): string => readFileSync(join(repository, path), "utf8")

interface Fence {
  readonly file: string | undefined
  readonly text: string
}

const fences = (page: string): ReadonlyArray<Fence> =>
  Array.from(
    read(page).matchAll(/^```(?:ts|py)(?: file=(\S+))?.*\n([^]*?)^```$/gm),
    ([, file, text]) => ({ file, text: text! })
  )

/** GitHub's name for a heading. */
const anchor = (heading: string): string =>
  heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, "").trim().replaceAll(" ", "-")

const anchors = (path: string): ReadonlyArray<string> =>
  Array.from(read(path).matchAll(/^#+ (.+)$/gm), ([, heading]) => anchor(heading!))

for (const page of ["README.md", "docs/python.md"]) {
  describe(page, () => {
    it("shows whole files", () => {
      const shown = fences(page)
      assert.isAbove(shown.length, 0)
      for (const { file, text } of shown) assert.strictEqual(text, read(file!))
    })
  })
}

describe("docs/getting-started.md", () => {
  const shown = fences("docs/getting-started.md")

  it("shows parts of files, which together are the files", () => {
    const files = new Set(shown.map(({ file }) => file!))
    assert.isAbove(files.size, 1)
    for (const file of files) {
      let rest = read(file).replace(/^\/\*\*[^]*?\*\/\n(?=import)/, "")
      for (const { text } of shown.filter((fence) => fence.file === file)) {
        const part = text.replace(/^\/\*\*[^]*?\*\/\n(?=import)/, "")
        assert.isTrue(rest.startsWith(part), `${file}: ${part}`)
        rest = rest.slice(part.length).replace(/^\n+/, "")
      }
      assert.strictEqual(rest, "", `${file} is shown to its end`)
    }
  })
})

describe("links", () => {
  const pages = [
    "README.md",
    ...[
      "getting-started",
      "managers",
      "connections",
      "security",
      "python",
      "from-python",
      "termination",
      "observability",
      "shared-memory"
    ].map((
      name
    ) => `docs/${name}.md`)
  ]
  for (const page of pages) {
    it(`of ${page} lead somewhere`, () => {
      const links = Array.from(read(page).matchAll(/\]\(([^)]+)\)/g), ([, link]) => link!)
      const local = links.filter((link) => !link.startsWith("https://"))
      assert.isAbove(local.length, 0)
      for (const link of local) {
        const [path, heading] = link.split("#")
        const target = path === "" ? join(repository, page) : resolve(repository, dirname(page), path!)
        assert.isTrue(existsSync(target), link)
        if (heading !== undefined) assert.include(anchors(target.slice(repository.length)), heading, link)
      }
    })
  }
})
