// What a person thinks of an answer: thumbs, a correction with its change, which of two, and why it was so.
// All HTML that is put into the page was made, and escaped, by the server.

import { showDiff } from "./diff.js";
import { post, reasonOf } from "./requests.js";

const say = document.getElementById("ask").dataset;
const drawer = document.getElementById("drawer");
let opener = null;

const sourceOf = (turn) => turn.querySelector(".text").dataset.source;

export async function onOpinion(button, turn) {
  const wish = button.dataset;
  if (wish.thumb) await judge(turn, { kind: "thumb", value: wish.thumb }, button);
  else if ("copyAnswer" in wish) await copyAnswer(turn);
  else if ("edit" in wish) openForm(turn, "[data-edit-answer]");
  else if ("otherwise" in wish) openForm(turn, "[data-edit-question]");
  else if ("cancel" in wish) button.closest("form").hidden = true;
  else if ("why" in wish) await openDrawer(`/panel/why/${turn.dataset.turn}`, button);
  else if ("compare" in wish) await openDrawer(`/panel/compare/${turn.dataset.turn}`, button);
}

export async function correct(turn, form) {
  const text = form.querySelector("textarea").value.trim();
  if (text && (await judge(turn, { kind: "edit", text }, null, say.sayStudy))) form.hidden = true;
}

export function onCorrecting(turn, form, text) {
  showDiff(form.querySelector(".diff"), sourceOf(turn), text);
}

async function judge(turn, wish, button, told = say.sayThanks) {
  const response = await post("/panel/judge", { turn: turn.dataset.turn, ...wish });
  turn.querySelector(".told").textContent = response.ok ? told : await reasonOf(response, say.sayFailed);
  if (response.ok && button) {
    for (const one of turn.querySelectorAll("[data-thumb]")) one.setAttribute("aria-pressed", String(one === button));
  }
  return response.ok;
}

async function copyAnswer(turn) {
  await navigator.clipboard.writeText(sourceOf(turn));
  await judge(turn, { kind: "event", event: "copied" }, null, say.sayCopied);
}

function openForm(turn, which) {
  const form = turn.querySelector(which);
  form.hidden = !form.hidden;
  if (!form.hidden) form.querySelector("textarea").focus();
}

async function openDrawer(place, button) {
  const response = await fetch(place);
  opener = button;
  drawer.innerHTML = await response.text();
  drawer.hidden = false;
  drawer.querySelector("[data-close]")?.focus();
}

export function closeDrawer() {
  if (drawer.hidden) return;
  drawer.hidden = true;
  opener?.focus();
}

drawer.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if ("close" in button.dataset) closeDrawer();
  if (!button.dataset.better) return;
  const { better, text, other } = button.dataset;
  const response = await post("/panel/judge", { turn: better, kind: "choice", text, other });
  const told = drawer.querySelector(".told");
  told.textContent = response.ok ? say.sayThanks : await reasonOf(response, say.sayFailed);
});
