// Shows words that went and words that came, by the longest common row of words.

const MOST = 600; // words of each text: the table grows with their product

export function showDiff(place, before, after) {
  const [a, b] = [before, after].map((text) => (text.match(/\S+\s*/g) ?? []).slice(0, MOST));
  const table = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      table[i][j] = a[i] === b[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
  const parts = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) parts.push(["span", a[i++]]), j++;
    else if (j < b.length && (i === a.length || table[i][j + 1] >= table[i + 1][j])) parts.push(["ins", b[j++]]);
    else parts.push(["del", a[i++]]);
  }
  place.replaceChildren(
    ...parts.map(([name, text]) => Object.assign(document.createElement(name), { textContent: text })),
  );
}
