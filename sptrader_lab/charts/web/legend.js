// Break the legend into as many rows as the frame's width asks for. Bokeh may empty the legend's keys after it has painted
// them, when something that they refer to changes while the page is laid out; so paint once more when it has settled.
export default ({fig, legend, widths, gap}) => {
  const fits = (count) => {
    const widest = Array.from({length: count}, (_, column) => Math.max(...widths.filter((_, i) => i % count === column)))
    return widest.reduce((sum, width) => sum + width + gap, 0) <= fig.inner_width
  }
  let count = widths.length
  while (count > 1 && !fits(count)) count -= 1
  setTimeout(() => { if (legend.ncols !== count) legend.setv({ncols: count}, {sync: false}) }, 0)
  setTimeout(() => fig.change.emit(), 300)
}
