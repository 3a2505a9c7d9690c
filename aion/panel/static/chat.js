// The chat: sends a question and shows the answer while it is written.
// All HTML that is put into the page was made, and escaped, by the server.

import { linesOf, post, reasonOf } from "./requests.js";
import { closeDrawer, correct, onCorrecting, onOpinion } from "./opinion.js";

const form = document.getElementById("ask");
const turns = document.getElementById("turns");
const box = form.elements.question;
const say = form.dataset;
const adapters = form.querySelector("[data-adapters]");
const recall = form.querySelector("[data-recall]");
const attached = form.querySelector("[data-attached]");
const MOST_ATTACHED = 4_000_000; // bytes; the server has its own limit
let running = null;

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

// The place of a turn and of all that followed from it is taken by another.
function replace(turn, question) {
  while (turn.nextElementSibling) turn.nextElementSibling.remove();
  turn.remove();
  return begin(question);
}

const isAtEnd = () => window.innerHeight + window.scrollY >= document.body.scrollHeight - 120;
const toEnd = () => window.scrollTo({ top: document.body.scrollHeight });

function wishes() {
  const chosen = adapters.value === "auto" ? {} : { adapters: adapters.value === "none" ? "none" : { [adapters.value]: 1 } };
  return recall.checked ? chosen : { ...chosen, recall: false };
}

async function ask(wish, item) {
  running = new AbortController();
  setRunning(true);
  toEnd();
  const text = item.querySelector(".text");
  try {
    const response = await post("/panel/send", { ...wishes(), ...wish }, running.signal);
    if (!response.ok) throw new Error(await reasonOf(response, say.sayFailed));
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

function finish(item, done) {
  const made = document.createElement("template");
  made.innerHTML = done.html.trim();
  if (!form.dataset.conversation) addToList(item.querySelector(".asked").textContent, done.conversation);
  item.replaceWith(made.content);
  form.dataset.after = done.turn;
  form.dataset.conversation = done.conversation;
  history.replaceState(null, "", `/panel/chat/${done.conversation}?at=${done.turn}`);
}

function addToList(title, conversation) {
  const list = document.querySelector(".conversations");
  const link = Object.assign(document.createElement("a"), { href: `/panel/chat/${conversation}`, textContent: title.slice(0, 80) });
  link.setAttribute("aria-current", "page");
  list.querySelector(".empty")?.remove();
  const entry = document.createElement("li");
  entry.append(link);
  list.prepend(entry);
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

form.querySelector("[data-stop]").addEventListener("click", () => running?.abort());
box.addEventListener("input", grow);

function grow() {
  box.rows = Math.min(10, Math.max(1, box.value.split("\n").length));
}

turns.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  const turn = button?.closest(".turn");
  if (!turn?.dataset.turn) return;
  if (!("again" in button.dataset)) await onOpinion(button, turn);
  else if (!running) ask({ again: turn.dataset.turn }, replace(turn, turn.querySelector(".asked").textContent));
});

turns.addEventListener("submit", async (event) => {
  event.preventDefault();
  const turn = event.target.closest(".turn");
  if ("editAnswer" in event.target.dataset) return correct(turn, event.target);
  const text = event.target.querySelector("textarea").value.trim();
  if (text && !running) ask({ text, instead: turn.dataset.turn }, replace(turn, text));
});

turns.addEventListener("input", (event) => {
  const edit = event.target.closest("[data-edit-answer]");
  if (edit) onCorrecting(edit.closest(".turn"), edit, event.target.value);
});

// Keys.

box.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit();
  }
});

document.addEventListener("keydown", (event) => {
  const writing = event.target.closest("input, textarea, select");
  if (event.key === "Escape" && running) running.abort();
  else if (event.key === "Escape") closeDrawer();
  else if (event.key === "k" && (event.ctrlKey || event.metaKey)) go(event, document.querySelector("[data-search]"));
  else if (event.key === "/" && !writing) go(event, box);
});

function go(event, place) {
  event.preventDefault();
  place?.focus();
}

// What may be chosen, read when somebody is about to choose.

adapters.addEventListener("focus", listAdapters, { once: true });

async function listAdapters() {
  const response = await fetch("/panel/choices");
  if (response.ok) adapters.insertAdjacentHTML("beforeend", await response.text());
}

form.querySelector("[data-attach]").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  event.target.value = "";
  if (!file) return;
  const text = file.size > MOST_ATTACHED ? "\0" : await file.text();
  if (text.includes("\0") || text.includes("\uFFFD")) return (attached.textContent = say.sayUnreadable);
  const response = await post("/panel/attach", { title: file.name, text });
  attached.textContent = response.ok ? (await response.json()).told : await reasonOf(response, say.sayFailed);
});

if (!location.hash && turns.querySelector(".turn")) toEnd();
