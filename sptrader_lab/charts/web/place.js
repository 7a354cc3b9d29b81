// Put each profit label above or below its exit, where it covers no candle, no arrow and no other label; a label that
// finds no room is left out. Beyond `most` exits in view there is none: zooming in brings them.
export default ({trades, rows, labels, view, fig, most}) => {
  if (fig.properties.inner_width.is_unset) return
  const {inner_width: width, inner_height: height, y_range} = fig
  const across = (x) => (x - view.start) / (view.end - view.start) * width
  const down = (y) => (y_range.end - y) / (y_range.end - y_range.start) * height
  const {entry, exit, exit_price, anchor, side, pixels, won, label} = trades.data
  const show = (data) => labels.setv({data}, {sync: false})
  const empty = {x: [], y: [], text: [], won: []}
  const seen = [...exit.keys()].filter((i) => exit[i] >= view.start && exit[i] <= view.end)
  if (seen.length > most || !Number.isFinite(down(exit_price[seen[0]]))) return show(empty)

  const readout = {left: 0, right: width, top: height - 20, bottom: height}
  const taken = [readout]
  for (const i of entry.keys()) {
    if (entry[i] < view.start || entry[i] > view.end) continue
    const x = across(entry[i]), y = down(anchor[i]), r = pixels[i] / 2, up = side[i] === "short"
    taken.push({left: x - 0.6 * r, right: x + 0.6 * r, top: up ? y - 1.4 * r : y, bottom: up ? y : y + 1.4 * r})
  }
  const first = (value) => {
    let low = 0, high = rows.data.x.length
    while (low < high) { const middle = (low + high) >> 1; if (rows.data.x[middle] < value) low = middle + 1; else high = middle }
    return low
  }
  const free = (box) => box.top >= 0 && box.bottom <= height && taken.every((other) =>
    box.right <= other.left || box.left >= other.right || box.bottom <= other.top || box.top >= other.bottom)

  const data = structuredClone(empty)
  for (const i of seen) {
    const half = 3.6 * label[i].length + 3
    const x = Math.min(Math.max(across(exit[i]), half), width - half)
    const place = (px) => view.start + px / width * (view.end - view.start)
    let top = down(exit_price[i]) - 5, bottom = down(exit_price[i]) + 5
    const reach = (rows.data.width[0] ?? 0) / 2
    for (let k = first(place(x - half) - reach), last = first(place(x + half) + reach); k < last; k++) {
      top = Math.min(top, down(rows.data.high[k]))
      bottom = Math.max(bottom, down(rows.data.low[k]))
    }
    const levels = [top - 9, bottom + 9, top - 24, bottom + 24, top - 39, bottom + 39]
    const wished = won[i] ? levels : [1, 0, 3, 2, 5, 4].map((k) => levels[k])
    for (const y of wished) {
      const box = {left: x - half, right: x + half, top: y - 7, bottom: y + 7}
      if (!free(box)) continue
      taken.push(box)
      data.x.push(place(x))
      data.y.push(y_range.end - y / height * (y_range.end - y_range.start))
      data.text.push(label[i])
      data.won.push(won[i])
      break
    }
  }
  show(data)
}
