// Show the profit labels only while few trades are in view: beyond that they would cover each other.
export default ({trades, labels, view, most}) => {
  const {exit} = trades.data
  let seen = 0
  for (const x of exit) if (x >= view.start && x <= view.end) seen += 1
  if (labels.visible !== (seen <= most)) labels.setv({visible: seen <= most}, {sync: false})
}
