// Finds settings while their name or help is typed, and shows which fields differ from what is saved.

const find = document.getElementById("find");
const filter = document.getElementById("filter");
const changed = document.getElementById("changed");
const sections = [...document.querySelectorAll("details.section")];
const opened = sections.map((one) => one.open);

find.hidden = false;
filter.addEventListener("input", narrow);
changed.addEventListener("change", narrow);
narrow(); // what was typed before a reload stands there still

const refused = document.querySelector("[aria-invalid]") ?? document.querySelector(".section [role=alert]");
refused?.scrollIntoView({ block: "center" });
refused?.focus({ preventScroll: true });

function narrow() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const all = !words.length && !changed.checked;
  let count = 0;
  sections.forEach((section, place) => {
    let inside = 0;
    for (const one of section.querySelectorAll(".setting")) {
      const text = one.textContent.toLowerCase();
      one.hidden = !words.every((word) => text.includes(word)) || (changed.checked && !one.classList.contains("own"));
      inside += one.hidden ? 0 : 1;
    }
    section.hidden = !inside;
    section.open = all ? opened[place] : inside > 0;
    count += inside;
  });
  const found = document.getElementById("found");
  found.textContent = all ? "" : found.dataset.say.replace("{count}", count);
  document.getElementById("none").hidden = count > 0;
}

for (const section of sections)
  section.querySelector("summary").addEventListener("click", () => {
    if (!filter.value && !changed.checked) opened[sections.indexOf(section)] = !section.open;
  });

document.addEventListener("input", (event) => {
  const setting = event.target.closest(".setting");
  if (setting) mark(setting, event.target);
});

// With a script the default is put into the field, so that what else was typed is not lost; saving takes it from there.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-reset]");
  const setting = button?.closest(".setting");
  const field = setting?.querySelector("input, select, textarea");
  if (!field || field.type === "password") return;
  if (field.type === "checkbox") field.checked = setting.dataset.default === "true";
  else field.value = setting.dataset.default;
  if (differs(field)) event.preventDefault(); // else the file names the default: its line goes at once
  mark(setting, field);
});

function mark(setting, field) {
  setting.querySelector("[data-edited]").hidden = !differs(field);
}

function differs(field) {
  if (field.type === "checkbox") return field.checked !== field.defaultChecked;
  if (field.options) return [...field.options].some((one) => one.selected !== one.defaultSelected);
  return field.value !== field.defaultValue;
}

// A field that is refused may not hide in a section that is closed, or one that a search has left out.
document.addEventListener("invalid", (event) => {
  event.target.closest("details").open = true;
  event.target.closest(".setting").hidden = false;
}, true);
