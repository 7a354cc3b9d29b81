// Keep a few bars in view: zooming with the wheel does not heed the range's own smallest interval.
export default ({least}, view) => {
  const {start, end} = view
  if (end - start >= 0.999 * least) return
  const middle = (start + end) / 2
  view.setv({start: middle - least / 2, end: middle + least / 2})
}
