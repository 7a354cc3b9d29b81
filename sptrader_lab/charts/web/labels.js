// The label of a tick of an axis of bars: as much of its time as the ticks beside it leave open.
const {x, time} = rows.data
const at = (value) => {
  let low = 0, high = x.length - 1
  while (low < high) { const middle = (low + high) >> 1; if (x[middle] < value) low = middle + 1; else high = middle }
  return time[low]
}
if (x.length === 0) return ""
const hour = 3600000
const two = (n) => String(n).padStart(2, "0")
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
const now = new Date(at(tick)), before = index > 0 ? new Date(at(ticks[index - 1])) : null
const gap = Math.min(...ticks.slice(1).map((each, i) => at(each) - at(ticks[i])), Infinity)
const date = `${now.getUTCDate()} ${months[now.getUTCMonth()]}`
const clock = `${two(now.getUTCHours())}:${two(now.getUTCMinutes())}`
const year = before === null || before.getUTCFullYear() !== now.getUTCFullYear()
const newDay = before === null || before.getUTCDate() !== now.getUTCDate() || gap === Infinity
if (gap < 20 * hour || gap === Infinity) return newDay ? `${clock}\n${date}${index === 0 ? ` ${now.getUTCFullYear()}` : ""}` : clock
if (gap < 27 * 24 * hour) return year ? `${date}\n${now.getUTCFullYear()}` : date
if (gap < 360 * 24 * hour) return year ? `${months[now.getUTCMonth()]}\n${now.getUTCFullYear()}` : months[now.getUTCMonth()]
return String(now.getUTCFullYear())
