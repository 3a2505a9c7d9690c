// The card of the night comes anew every two seconds, unless somebody is at work in it. A slider says where it stands.

const card = document.getElementById("state");

async function look() {
  if (card.contains(document.activeElement) || document.hidden) return;
  const response = await fetch("/panel/sleep/card");
  if (response.ok) card.innerHTML = await response.text();
}

document.addEventListener("input", (event) => {
  const slider = event.target;
  if (slider.type !== "range") return;
  const step = slider.step === "any" ? 0.01 : Number(slider.step);
  const digits = step < 0.1 ? 2 : step < 1 ? 1 : 0;
  slider.labels[0].querySelector("output").value = String(Number(Number(slider.value).toFixed(digits)));
});

setInterval(look, 2000);
