// Asks the panel's server: JSON in, JSON or lines of JSON out.

export const post = (place, body, signal) =>
  fetch(place, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify(body),
    signal,
  });

export async function* linesOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let left = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    left += value;
    const lines = left.split("\n");
    left = lines.pop();
    for (const line of lines) if (line) yield JSON.parse(line);
  }
}

export async function reasonOf(response, otherwise) {
  try {
    return (await response.json()).error.message;
  } catch {
    return `${otherwise} (${response.status})`;
  }
}
