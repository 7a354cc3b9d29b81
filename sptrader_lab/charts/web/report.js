// Draws the report's figures in the reader's theme, switches it, and sorts the table of trades.
const text = (id) => JSON.parse(document.getElementById(id).textContent)
const root = document.documentElement
const night = matchMedia("(prefers-color-scheme: dark)")
const swaps = text("swaps")
const doc = Bokeh.require("document").Document.from_json(text("drawings"))

function paint(dark) {
  root.dataset.theme = dark ? "dark" : "light"
  recolour(doc, swaps, dark)
}

const fixed = root.dataset.fixed
paint(fixed ? fixed === "dark" : night.matches)
night.addEventListener("change", () => paint(night.matches))
document.getElementById("theme").addEventListener("click", () => paint(root.dataset.theme !== "dark"))
const places = [...document.querySelectorAll(".drawing")]
Bokeh.require("embed/standalone").add_document_standalone(doc, document.body, places)

for (const table of document.querySelectorAll(".trades table")) {
  const body = table.tBodies[0]
  table.tHead.addEventListener("click", ({target}) => {
    const head = target.closest("th")
    const down = head.ariaSort === "ascending"
    for (const each of table.tHead.rows[0].cells) each.ariaSort = "none"
    head.ariaSort = down ? "descending" : "ascending"
    const number = (row) => parseFloat(row.cells[head.cellIndex].textContent.replace(/[,+]/g, "").replace("\u2212", "-"))
    const word = (row) => row.cells[head.cellIndex].textContent
    const order = head.className === "number"
      ? (a, b) => number(a) - number(b) : (a, b) => word(a).localeCompare(word(b))
    const rows = [...body.rows].sort(order)
    body.append(...(down ? rows.reverse() : rows))
  })
}
