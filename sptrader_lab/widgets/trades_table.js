// The page's half of `trades_table.py`: draws rows that are text already, and says what was clicked.

function make(name, properties = {}, ...children) {
  const node = Object.assign(document.createElement(name), properties)
  node.append(...children)
  return node
}

function save(name, buffer) {
  const url = URL.createObjectURL(new Blob([buffer], {type: "text/csv"}))
  make("a", {href: url, download: name}).click()
  setTimeout(() => URL.revokeObjectURL(url), 10000)
}

function render({model, el}) {
  const say = (message) => model.send(message)
  const count = make("span", {className: "spt-count"})
  const back = make("button", {textContent: "\u2039", title: "Earlier rows", onclick: () => say({kind: "turn", pages: -1})})
  const on = make("button", {textContent: "\u203a", title: "Later rows", onclick: () => say({kind: "turn", pages: 1})})
  const csv = make("button", {textContent: "Export CSV", title: "All trades, not only these rows", onclick: () => say({kind: "csv"})})
  const head = make("thead"), body = make("tbody")
  el.append(make("div", {className: "spt-summary spt-trades"},
    make("div", {className: "spt-bar"}, csv, count, back, on),
    make("div", {className: "spt-scroll"}, make("table", {}, head, body))))

  const draw = () => {
    const columns = model.get("columns"), rows = model.get("rows"), total = model.get("total"), first = model.get("first")
    const key = model.get("key"), arrow = model.get("descending") ? " \u25be" : " \u25b4"
    head.replaceChildren(make("tr", {}, ...columns.map(([name, title, numeric]) => make("th", {
      textContent: title + (name === key ? arrow : ""), className: numeric ? "spt-number" : "", tabIndex: 0,
      ariaSort: name === key ? (model.get("descending") ? "descending" : "ascending") : "none",
      onclick: () => say({kind: "sort", key: name}),
      onkeydown: (event) => { if (event.key === "Enter") say({kind: "sort", key: name}) },
    }))))
    const pnl = columns.findIndex(([name]) => name === "pnl")
    body.replaceChildren(...rows.map((row) => make("tr", {}, ...row.map((text, i) => {
      const tone = i !== pnl ? "" : text.startsWith("+") ? " spt-gain" : text.startsWith("\u2212") ? " spt-fall" : ""
      return make("td", {textContent: text, className: (columns[i][2] ? "spt-number" : "") + tone})
    }))))
    const where = total > rows.length ? `rows ${first + 1}\u2013${first + rows.length} of ${total.toLocaleString("en-US")}` : `${total}`
    count.textContent = total === 0 ? "No trades were closed." : `${where} trade${total === 1 ? "" : "s"}`
    csv.disabled = total === 0
    back.hidden = on.hidden = total <= rows.length && first === 0
    back.disabled = first === 0
    on.disabled = first + rows.length >= total
  }
  const receive = (message, buffers) => { if (message.kind === "csv") save(message.name, buffers[0]) }
  model.on("change:rows change:key change:descending change:first", draw)
  model.on("msg:custom", receive)
  draw()
  return () => {
    model.off("change:rows change:key change:descending change:first", draw)
    model.off("msg:custom", receive)
  }
}

export default { render }
