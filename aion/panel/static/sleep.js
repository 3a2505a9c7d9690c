// While a night is under way, its numbers and its loss come anew every two seconds. A slider says where it stands.

const card = document.getElementById("state");
const losses = [];

async function look() {
  const response = await fetch("/panel/sleep/state", { headers: { accept: "application/json" } });
  if (!response.ok) return;
  const status = await response.json();
  const asleep = status.state !== "awake";
  if (asleep !== (card.dataset.asleep === "yes")) return location.reload();
  if (!asleep) return;
  put("step", `${status.step ?? 0} / ${status.steps ?? "–"}`);
  put("loss", status.loss?.toFixed(3));
  put("tokens_per_s", status.tokens_per_s && Math.round(status.tokens_per_s));
  put("eta_s", status.eta_s && `${Math.ceil(status.eta_s / 60)} min`);
  const bar = document.getElementById("progress");
  bar.max = status.steps || 1;
  bar.value = status.step || 0;
  if (status.loss) losses.push(status.loss);
  draw();
}

function put(name, value) {
  const place = card.querySelector(`[data-field="${name}"]`);
  if (place) place.textContent = value ?? "–";
}

function draw() {
  const chart = document.getElementById("loss");
  if (!chart || losses.length < 2) return;
  const top = Math.max(...losses);
  const points = losses.map((value, at) => {
    const x = 40 + (590 * at) / (losses.length - 1);
    return `${x.toFixed(1)},${(10 + 130 * (1 - value / top)).toFixed(1)}`;
  });
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  line.setAttribute("points", points.join(" "));
  line.setAttribute("class", "loss");
  const label = document.createElementNS("http://www.w3.org/2000/svg", "text");
  label.setAttribute("class", "tick");
  label.setAttribute("x", "4");
  label.setAttribute("y", "16");
  label.textContent = top.toFixed(2);
  chart.replaceChildren(line, label);
}

document.addEventListener("input", (event) => {
  const slider = event.target;
  if (slider.type !== "range") return;
  const step = slider.step === "any" ? 0.01 : Number(slider.step);
  const digits = step < 0.1 ? 2 : step < 1 ? 1 : 0;
  slider.labels[0].querySelector("output").value = String(Number(Number(slider.value).toFixed(digits)));
});

setInterval(look, 2000);
