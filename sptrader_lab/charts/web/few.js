// Show the marks only while few of them are in view: beyond that they are specks that hide the line.
export default ({source, marks, view, most}) => {
  let seen = 0
  for (const x of source.data.x) if (x >= view.start && x <= view.end) seen += 1
  if (marks.visible !== (seen <= most)) marks.setv({visible: seen <= most}, {sync: false})
}
