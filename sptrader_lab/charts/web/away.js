// Take away what told of the place under the pointer: something else is there now, until the pointer moves.
export default ({line, spans}) => {
  if (line !== null && line.text !== "") line.setv({text: ""}, {sync: false})
  for (const span of spans) if (!Number.isNaN(span.location)) span.setv({location: NaN}, {sync: false})
}
