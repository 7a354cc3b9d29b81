// The page's half of `bokeh_pane.py`, where the messages are listed. `recolour` stands in front of this text.

const PATIENCE = 4000  // ms to wait for another pane's kernel before asking one's own
const GATHER = 40  // ms during which a reader's changes travel in one message
const MEASURED = new Set(["inner_width", "inner_height", "outer_width", "outer_height"])  // each view's own affair

const sleep = (ms) => new Promise((done) => setTimeout(done, ms))
const bytes = (buffer) => buffer instanceof ArrayBuffer
  ? buffer : buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength)
const buffersById = (ids, buffers) => new Map(ids.map((id, i) => [id, bytes(buffers[i])]))

function present(version) {
  const {Bokeh} = globalThis
  return Bokeh?.version === version ? Bokeh : Bokeh?.[version]
}

async function run(buffer) {
  const url = URL.createObjectURL(new Blob([bytes(buffer)], {type: "text/javascript"}))
  const script = document.createElement("script")
  try {
    await new Promise((done, failed) => {
      Object.assign(script, {src: url, onload: done, onerror: () => failed(new Error("Bokeh's script did not load"))})
      document.head.append(script)
    })
  } finally {
    URL.revokeObjectURL(url)
  }
}

function ask(model) {
  return new Promise((done, failed) => {
    const receive = async (message, buffers) => {
      if (message.kind !== "library") return
      model.off("msg:custom", receive)
      try {
        if (!present(model.get("bokeh_version"))) for (const buffer of buffers) await run(buffer)
        done()
      } catch (error) {
        failed(error)
      }
    }
    model.on("msg:custom", receive)
    model.send({kind: "library"})
  })
}

// Bokeh, once per page and version. Another notebook's kernel may have been asked first and be busy for an hour.
async function library(model) {
  const version = model.get("bokeh_version")
  const asked = (globalThis.sptraderBokeh ??= {})
  if (!present(version) && asked[version]) await Promise.race([asked[version].catch(() => {}), sleep(PATIENCE)])
  if (!present(version)) {
    const own = ask(model)
    asked[version] ??= own
    await Promise.race([own, asked[version].catch(() => own)])
  }
  return present(version)
}

function isDark(model, el) {
  const theme = model.get("theme")
  if (theme !== "auto") return theme === "dark"
  const said = document.body.dataset.jpThemeLight  // JupyterLab and Voila
  if (said !== undefined) return said === "false"
  for (let each = el; each instanceof Element; each = each.parentElement) {
    const [r, g, b, opacity = 1] = (getComputedStyle(each).backgroundColor.match(/[\d.]+/g) ?? []).map(Number)
    if (opacity > 0 && r !== undefined) return 0.299 * r + 0.587 * g + 0.114 * b < 128
  }
  return false
}

// Bokeh appends tooltips to the page's body with a white background of their own.
function styleTooltips() {
  if (document.getElementById("sptrader-tooltips")) return
  const style = document.createElement("style")
  style.id = "sptrader-tooltips"
  style.textContent = `.bk-Tooltip {
    --tooltip-color: var(--jp-layout-color1, #fff); --tooltip-text: var(--jp-ui-font-color1, #1c2530);
    --tooltip-border: var(--jp-border-color1, #cdd4db); border-radius: 6px !important; padding: 7px 9px !important; }`
  document.head.append(style)
}

// Collects what a reader changes, the newest value of each property, and sends it in one message.
class Outbox {
  constructor(bokeh, doc, send) {
    this.Serializer = bokeh.require("core/serialization").Serializer
    this.doc = doc
    this.send = send
    this.waiting = []
    this.add = this.add.bind(this)
    this.flush = this.flush.bind(this)
  }

  add(event) {
    if (!event.sync || MEASURED.has(event.attr)) return
    const same = (each) => event.kind === "ModelChanged" && each.kind === event.kind
      && each.model === event.model && each.attr === event.attr
    this.waiting = [...this.waiting.filter((each) => !same(each)), event]
    this.timer ??= setTimeout(this.flush, GATHER)
  }

  flush() {
    clearTimeout(this.timer)
    this.timer = undefined
    if (this.waiting.length === 0) return
    const {doc} = this
    const references = new Map()
    for (const model of doc._all_models.values()) if (!doc._new_models.has(model)) references.set(model, model.ref())
    const events = new this.Serializer({references, binary: false}).encode(this.waiting)
    doc._new_models.clear()
    this.waiting = []
    this.send(events)
  }
}

async function render({model, el}) {
  const view = crypto.randomUUID?.() ?? Math.random().toString(36).slice(2)
  const note = document.createElement("div")
  note.style.cssText = "padding: 8px; opacity: .65; font: 12px system-ui, sans-serif"
  note.textContent = "The chart is on its way; a busy kernel sends it when its cell is done."
  const later = setTimeout(() => el.append(note), 700)
  let bokeh, doc, outbox

  const repaint = () => {
    const swaps = model.get("swaps"), dark = isDark(model, el)
    el.style.background = model.get("theme") === "auto" ? "" : swaps[0][dark ? 1 : 0]  // the first pair is the paper
    if (doc) recolour(doc, swaps, dark)
  }
  const begin = async (message, buffers) => {
    const {Document} = bokeh.require("document")
    doc?.clear()
    doc = Document.from_json(JSON.parse(message.document), undefined, buffersById(message.ids, buffers))
    repaint()
    outbox = new Outbox(bokeh, doc, (events) => model.send({kind: "changes", view, events}))
    doc.on_change(outbox.add)
    clearTimeout(later)
    el.replaceChildren()
    await bokeh.require("embed/standalone").add_document_standalone(doc, el)
  }
  const receive = (message, buffers) => {
    if (message.kind === "document" && message.view === view) begin(message, buffers)
    if (message.kind === "patch" && message.origin !== view && doc) {
      doc.apply_json_patch({events: JSON.parse(message.events)}, buffersById(message.ids, buffers))
      if (message.events.includes('"#')) repaint()
    }
  }
  const themes = new MutationObserver(repaint)
  themes.observe(document.body, {attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"]})
  model.on("change:theme", repaint)
  model.on("msg:custom", receive)
  bokeh = await library(model)
  styleTooltips()
  model.send({kind: "ready", view})

  return () => {
    clearTimeout(later)
    outbox?.flush()
    themes.disconnect()
    model.off("change:theme", repaint)
    model.off("msg:custom", receive)
    model.send({kind: "gone", view})
    doc?.clear()
    el.replaceChildren()
  }
}

export default { render }
