// The chat: sends a question, shows the answer while it is written, and says what a person thinks of it.
// All HTML that is put into the page was made, and escaped, by the server.

const form = document.getElementById("ask");
const turns = document.getElementById("turns");
const box = form.elements.question;
const drawer = document.getElementById("drawer");
const say = form.dataset;
let running = null;

const post = (place, body) =>
  fetch(place, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify(body),
    signal: running?.signal,
  });

async function* linesOf(response) {
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

function begin(question) {
  turns.querySelector(".welcome")?.remove();
  const item = document.createElement("li");
  item.className = "turn writing";
  const asked = document.createElement("div");
  asked.className = "asked";
  asked.dir = "auto";
  asked.textContent = question;
  const answer = document.createElement("div");
  answer.className = "answer";
  answer.innerHTML = '<div class="text"><span class="dots"><i></i><i></i><i></i></span></div>';
  item.append(asked, answer);
  turns.append(item);
  return item;
}

function isAtEnd() {
  return window.innerHeight + window.scrollY >= document.body.scrollHeight - 120;
}

function toEnd() {
  window.scrollTo({ top: document.body.scrollHeight });
}

async function ask(wish, item) {
  running = new AbortController();
  setRunning(true);
  toEnd();
  const text = item.querySelector(".text");
  try {
    const response = await post("/panel/send", wish);
    if (!response.ok) throw new Error(await reasonOf(response));
    for await (const event of linesOf(response)) {
      const follow = isAtEnd();
      if (event.html) text.innerHTML = event.html;
      if (event.failed) fail(item, event.failed, event.request_id);
      if (event.done) finish(item, event.done);
      if (follow) toEnd();
    }
  } catch (error) {
    if (error.name === "AbortError") fail(item, say.sayStopped);
    else fail(item, error.message || say.sayFailed);
  } finally {
    running = null;
    setRunning(false);
    box.focus();
  }
}

async function reasonOf(response) {
  try {
    return (await response.json()).error.message;
  } catch {
    return `${say.sayFailed} (${response.status})`;
  }
}

function finish(item, done) {
  const made = document.createElement("template");
  made.innerHTML = done.html.trim();
  item.replaceWith(made.content);
  form.dataset.after = done.turn;
  if (form.dataset.conversation !== done.conversation) {
    form.dataset.conversation = done.conversation;
    history.replaceState(null, "", `/panel/chat/${done.conversation}`);
  }
}

function fail(item, reason, id = "") {
  item.classList.remove("writing");
  item.querySelector(".dots")?.remove();
  const told = document.createElement("p");
  told.className = "failed";
  told.setAttribute("role", "alert");
  told.textContent = id ? `${reason} (${id})` : reason;
  item.querySelector(".answer").append(told);
}

function setRunning(on) {
  form.querySelector("[data-send]").hidden = on;
  form.querySelector("[data-stop]").hidden = !on;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = box.value.trim();
  if (!text || running) return;
  box.value = "";
  grow();
  ask({ text, after: form.dataset.after }, begin(text));
});

box.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit();
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if (running) running.abort();
  else closeDrawer();
});

form.querySelector("[data-stop]").addEventListener("click", () => running?.abort());
box.addEventListener("input", grow);

function grow() {
  box.rows = Math.min(10, Math.max(1, box.value.split("\n").length));
}

// What a person thinks of an answer.

turns.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  const turn = button?.closest(".turn");
  if (!turn?.dataset.turn) return;
  if (button.dataset.thumb) await judge(turn, { kind: "thumb", value: button.dataset.thumb }, button);
  else if ("copyAnswer" in button.dataset) await copyAnswer(turn);
  else if ("edit" in button.dataset) openEdit(turn);
  else if ("cancel" in button.dataset) turn.querySelector(".edit").hidden = true;
  else if ("again" in button.dataset) again(turn);
  else if ("why" in button.dataset) await openDrawer(turn.dataset.turn);
});

turns.addEventListener("submit", async (event) => {
  event.preventDefault();
  const turn = event.target.closest(".turn");
  const text = event.target.querySelector("textarea").value.trim();
  if (!text) return;
  if (await judge(turn, { kind: "edit", text }, null, say.sayStudy)) event.target.hidden = true;
});

turns.addEventListener("input", (event) => {
  const edit = event.target.closest(".edit");
  if (edit) showDiff(edit.querySelector(".diff"), sourceOf(edit.closest(".turn")), event.target.value);
});

const sourceOf = (turn) => turn.querySelector(".text").dataset.source;

async function judge(turn, wish, button, told = say.sayThanks) {
  const response = await post("/panel/judge", { turn: turn.dataset.turn, ...wish });
  const line = turn.querySelector(".told");
  line.textContent = response.ok ? told : await reasonOf(response);
  if (response.ok && button) {
    for (const one of turn.querySelectorAll("[data-thumb]")) one.setAttribute("aria-pressed", String(one === button));
  }
  return response.ok;
}

async function copyAnswer(turn) {
  await navigator.clipboard.writeText(sourceOf(turn));
  await judge(turn, { kind: "event", event: "copied" }, null, say.sayCopied);
}

function openEdit(turn) {
  const edit = turn.querySelector(".edit");
  edit.hidden = !edit.hidden;
  if (!edit.hidden) edit.querySelector("textarea").focus();
}

function again(turn) {
  if (running) return;
  const item = begin(turn.querySelector(".asked").textContent);
  ask({ again: turn.dataset.turn }, item);
}

// Words that went and words that came, by the longest common row of words.
function showDiff(place, before, after) {
  const [a, b] = [before, after].map((text) => (text.match(/\S+\s*/g) ?? []).slice(0, 600));
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

// Why.

async function openDrawer(turn) {
  const response = await fetch(`/panel/why/${turn}`);
  drawer.innerHTML = await response.text();
  drawer.hidden = false;
  drawer.querySelector("[data-close]")?.focus();
}

function closeDrawer() {
  drawer.hidden = true;
}

drawer.addEventListener("click", (event) => {
  if (event.target.closest("[data-close]")) closeDrawer();
});

document.querySelector("[data-filter]")?.addEventListener("input", (event) => {
  const wanted = event.target.value.toLowerCase();
  for (const one of document.querySelectorAll(".conversations li"))
    one.hidden = !one.textContent.toLowerCase().includes(wanted);
});

if (turns.querySelector(".turn")) toEnd();
