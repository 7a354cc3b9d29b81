// Ticks of an axis of bars: where a new quarter of an hour, hour, day, week, month or year begins.
// cb_data: {start, end}; rows: a column data source with ascending `x` and `time` (ms UTC).
const {x, time} = rows.data
const many = 9
const behind = (value) => {
  let low = 0, high = x.length
  while (low < high) { const middle = (low + high) >> 1; if (x[middle] < value) low = middle + 1; else high = middle }
  return low
}
const first = behind(Math.min(cb_data.start, cb_data.end)), last = behind(Math.max(cb_data.start, cb_data.end))
const minute = 60000, day = 1440 * minute
const month = (t) => { const d = new Date(t); return 12 * d.getUTCFullYear() + d.getUTCMonth() }
const steps = [
  ...[1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720].map((n) => (t) => Math.floor(t / (n * minute))),
  (t) => Math.floor(t / day), (t) => Math.floor(t / (2 * day)),
  (t) => Math.floor((t / day + 3) / 7), (t) => Math.floor((t / day + 3) / 14),  // 1970-01-01 was a Thursday
  ...[1, 2, 3, 6].map((n) => (t) => Math.floor(month(t) / n)),
  ...[1, 2, 5, 10, 20].map((n) => (t) => Math.floor(new Date(t).getUTCFullYear() / n)),
]
let best = []
for (const step of steps) {
  const found = []
  for (let i = Math.max(first, 1); i < last && found.length <= 4 * many; i++)
    if (step(time[i]) !== step(time[i - 1])) found.push(x[i])
  if (found.length < 2 && best.length > 0) break
  best = found
  if (found.length <= many) break
}
// Boundaries may lie close together where candles are missing: keep labels from running into each other.
const room = 0.045 * Math.abs(cb_data.end - cb_data.start)
const kept = []
for (const tick of best) if (kept.length === 0 || tick - kept.at(-1) >= room) kept.push(tick)
const stride = Math.ceil(kept.length / (1.5 * many))
return stride > 1 ? kept.filter((_, i) => i % stride === 0) : kept
