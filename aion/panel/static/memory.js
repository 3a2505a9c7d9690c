// A heat map that is wider than the screen begins at its newest day.

for (const heat of document.querySelectorAll(".heat")) heat.scrollLeft = heat.scrollWidth;
