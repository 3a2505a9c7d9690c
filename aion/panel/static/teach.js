// Single keys for the answer that is asked about. They act outside text alone, and whoever does not want them turns
// them off; without this script everything is done by the same buttons.

const OFF = "aion-keys-off";
const wish = document.querySelector("[data-keys]");
let done = false; // one press is one judgement, however long the next page takes

if (wish) {
  const box = wish.querySelector("input");
  box.checked = localStorage.getItem(OFF) === null;
  box.addEventListener("change", () => {
    if (box.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "yes");
    show(box.checked);
  });
  wish.hidden = false;
  show(box.checked);
  document.addEventListener("keydown", (event) => {
    if (box.checked && !done && !event.repeat && !isTyping(event)) press(event);
  });
}

function show(shown) {
  for (const one of document.querySelectorAll("kbd")) one.hidden = !shown;
}

function isTyping(event) {
  const inText = event.target.closest?.("textarea, select, input:not([type=checkbox])");
  return inText || event.ctrlKey || event.metaKey || event.altKey;
}

function press(event) {
  const wanted = [...document.querySelectorAll("[data-key]")].find((one) => one.dataset.key === event.key);
  if (!wanted) return;
  event.preventDefault();
  if (wanted instanceof HTMLDetailsElement) {
    wanted.open = true;
    wanted.querySelector("textarea").focus();
  } else {
    done = true;
    wanted.click();
  }
}

document.addEventListener("keydown", (event) => {
  const open = event.key === "Escape" && document.querySelector("details[data-key][open]");
  if (!open) return;
  open.open = false;
  open.querySelector("summary").focus();
});

// Back from the next page to this one: it may be judged again.
window.addEventListener("pageshow", () => (done = false));
