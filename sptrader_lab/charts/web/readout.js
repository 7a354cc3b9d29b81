// Write the facts of the candle under the pointer into a line above the frame, without telling the kernel.
export default ({rows, line, digits, extra}, _hover, {index}) => {
  const i = index.indices.at(-1)
  if (i === undefined) return
  const {time, open, high, low, close, volume} = rows.data
  const written = (text) => text.replace("-", "\u2212")
  const price = (value) => Number.isFinite(value) ? written(value.toFixed(digits)) : "\u2013"
  const when = new Date(time[i]).toISOString().slice(0, 16).replace("T", " ")
  const facts = [when, `O ${price(open[i])}`, `H ${price(high[i])}`, `L ${price(low[i])}`, `C ${price(close[i])}`]
  if (volume[i] > 0) facts.push(`V ${Math.round(volume[i]).toLocaleString("en-US")}`)
  const own = (value) => Number.isFinite(value) ? written(String(Number(value.toPrecision(5)))) : "\u2013"
  for (const [label, column, priced] of extra) facts.push(`${label} ${(priced ? price : own)(rows.data[column][i])}`)
  line.setv({text: facts.join("   ")}, {sync: false})
}
