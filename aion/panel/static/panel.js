// What every page needs: asking before something is lost, copying code, and the link that signs in.

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

// Code is made where no language is known: what its button is called stands on the page.
new MutationObserver(nameButtons).observe(document.body, { childList: true, subtree: true });
nameButtons();

function nameButtons() {
  for (const one of document.querySelectorAll("[data-copy]:not([aria-label])"))
    one.setAttribute("aria-label", document.body.dataset.sayCopy);
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.closest(".code").querySelector("code").textContent);
  button.classList.add("done");
  setTimeout(() => button.classList.remove("done"), 1500);
});

// The code of a link stands behind its #: it is sent in a form, and leaves the address at once.
const enter = document.querySelector("[data-enter]");
if (enter && location.hash.length > 20) {
  enter.elements.code.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  enter.hidden = false;
  enter.requestSubmit();
}

// A table that has to be pushed sideways can be pushed with the keyboard.
for (const table of document.querySelectorAll(".page table")) if (table.scrollWidth > table.clientWidth) table.tabIndex = 0;
