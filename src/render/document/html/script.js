"use strict";
const page = document.documentElement;
page.classList.add("js");
for (const button of document.querySelectorAll("button")) button.hidden = false;

for (const head of document.querySelectorAll("table.sortable th")) {
  const sort = () => {
    const table = head.closest("table"), column = head.cellIndex;
    const value = row => row.cells[column].dataset.value ?? row.cells[column].textContent;
    const down = head.getAttribute("aria-sort") !== "descending";
    const rows = [...table.tBodies[0].rows].sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      const order = x === "" || y === "" || isNaN(x - y) ? x.localeCompare(y) : x - y;
      return down ? -order : order;
    });
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const folded = table.querySelectorAll("tr.more").length;
    rows.forEach((row, at) => row.classList.toggle("more", at >= rows.length - folded));
    table.tBodies[0].append(...rows);
  };
  head.tabIndex = 0;
  head.addEventListener("click", sort);
  head.addEventListener("keydown", event => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); sort(); } });
}

for (const button of document.querySelectorAll(".unfold"))
  button.addEventListener("click", () => { button.closest(".table").classList.add("open"); button.remove(); });

for (const button of document.querySelectorAll(".copy"))
  button.addEventListener("click", async () => {
    const text = button.closest(".code").querySelector("pre").textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // A page opened from a file has no clipboard in every browser.
      getSelection().selectAllChildren(button.closest(".code").querySelector("pre"));
      document.execCommand("copy");
    }
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  });

const search = document.getElementById("search"), found = document.getElementById("found");
const parts = [...document.querySelectorAll("[data-search]")].map(part => ({ part, text: part.textContent.toLowerCase(), rows: [...part.querySelectorAll("tbody tr")] }));
const filter = () => {
  const wanted = search.value.trim().toLowerCase();
  page.classList.toggle("searching", wanted !== "");
  let hits = 0;
  for (const { part, text, rows } of parts) {
    const isIn = text.includes(wanted);
    part.classList.toggle("out", !isIn);
    if (isIn && wanted !== "" && !part.querySelector("[data-search]")) hits += 1;
    // Where only some rows of a table have it, only those are shown; where it is in the words around, all are.
    const some = rows.filter(row => row.textContent.toLowerCase().includes(wanted));
    for (const row of rows) row.classList.toggle("out", some.length > 0 && !some.includes(row));
  }
  found.textContent = wanted === "" ? "" : hits === 1 ? "in 1 place" : `in ${hits} places`;
};
search.addEventListener("input", filter);
document.addEventListener("keydown", event => {
  if (event.key === "/" && document.activeElement !== search) { event.preventDefault(); search.focus(); }
  if (event.key === "Escape" && document.activeElement === search) { search.value = ""; filter(); search.blur(); }
});

document.getElementById("theme").addEventListener("click", () => {
  const isDark = page.dataset.theme ? page.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  page.dataset.theme = isDark ? "light" : "dark";
});
