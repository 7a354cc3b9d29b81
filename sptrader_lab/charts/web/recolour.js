// Repaint a Bokeh document in the other theme: replace every colour of one set by its counterpart in the other.
// The two sets share no colour, so this may run as often as it likes; nothing of it is sent to a kernel.
function recolour(doc, swaps, dark) {
  const table = new Map(swaps.map(([light, night]) => dark ? [light, night] : [night, light]))
  const swap = (value) => {
    if (typeof value === "string") return table.get(value) ?? value
    if (Array.isArray(value)) {
      const next = value.map(swap)
      return next.some((each, i) => each !== value[i]) ? next : value
    }
    if (value !== null && typeof value === "object" && typeof value.value === "string" && table.has(value.value))
      return {...value, value: table.get(value.value)}
    return value
  }
  for (const model of doc._all_models.values()) {
    const changes = {}
    for (const property of model) {
      if (property.is_unset || !/color|palette/.test(property.attr)) continue
      const before = property.get_value(), after = swap(before)
      if (after !== before) changes[property.attr] = after
    }
    if (Object.keys(changes).length > 0) model.setv(changes, {sync: false})
  }
}
