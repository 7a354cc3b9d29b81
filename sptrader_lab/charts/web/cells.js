// Write what a cell has room for: the whole number, smaller, or without decimals and plus sign.
export default ({fig, texts, columns}) => {
  const cell = fig.inner_width / columns
  const short = cell < 38
  for (const [name, glyph] of Object.entries(texts)) {
    const size = `${Math.max(8, Math.min(12, 0.36 * cell)).toFixed(1)}px`
    glyph.setv({text: {field: short ? `${name}_short` : name}, text_font_size: {value: size}}, {sync: false})
  }
}
