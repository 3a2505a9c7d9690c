// Forms that bring a file: what the server would refuse is said before it is sent, and that it takes a while.

for (const box of document.querySelectorAll("input[type=file][data-most]")) {
  box.addEventListener("change", () => {
    const [file] = box.files;
    const endings = box.dataset.endings?.split(",") ?? [];
    const odd = file && endings.length && !endings.some((one) => file.name.toLowerCase().endsWith(one));
    const big = file && file.size > Number(box.dataset.most);
    box.setCustomValidity(odd ? box.dataset.sayKind : big ? box.dataset.sayBig : "");
    box.reportValidity();
  });
}

for (const form of document.querySelectorAll("form[data-busy]")) {
  form.addEventListener("submit", () => {
    const button = form.querySelector("button");
    button.disabled = true;
    button.textContent = form.dataset.busy;
    const shown = form.querySelector("[data-look]");
    if (shown) setInterval(() => look(shown), 1000);
  });
}

// While the answer is awaited, the server is asked how far it is.
async function look(shown) {
  const response = await fetch(shown.dataset.look);
  if (response.ok) shown.innerHTML = await response.text();
}
