// An arrow that points down at a high, drawn above it so that it never covers the candle.
export default (_args, _glyph, {r}) => {
  const path = new Path2D(), gap = 0.35 * r, head = 0.75 * r, wide = 0.55 * r, stem = 0.2 * r
  path.moveTo(0, -gap)
  path.lineTo(wide, -gap - head)
  path.lineTo(stem, -gap - head)
  path.lineTo(stem, -gap - 1.35 * r)
  path.lineTo(-stem, -gap - 1.35 * r)
  path.lineTo(-stem, -gap - head)
  path.lineTo(-wide, -gap - head)
  path.closePath()
  return path
}
