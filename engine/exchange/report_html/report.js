// Draws the figures in the colours of the reader's theme, makes still images of them for print, and sorts tables.
(() => {
  "use strict";
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const PRINT_WIDTH = 700;

  const figureOf = (name, isDark) => {
    const figure = structuredClone(figures[name].figure);
    for (const [path, value] of isDark ? figures[name].dark : []) {
      const last = path.length - 1;
      path.slice(0, last).reduce((place, key) => place[key], figure)[path[last]] = value;
    }
    return figure;
  };

  const draw = async () => {
    const isDark = dark.matches;
    for (const place of document.querySelectorAll(".plot")) {
      const { data, layout } = figureOf(place.dataset.chart, isDark);
      await Plotly.react(place, data, layout, { displayModeBar: false, responsive: true });
    }
    document.documentElement.dataset.drawn = isDark ? "dark" : "light";
  };

  const still = async (image) => {
    const { data, layout } = figureOf(image.dataset.chart, false);
    const size = { width: PRINT_WIDTH, height: layout.height };
    image.src = await Plotly.toImage({ data, layout: { ...layout, ...size } }, { format: "svg", ...size });
  };

  const compare = (a, b) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    const [x, y] = [Number(a), Number(b)];
    return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
  };

  // Unknown values stay last in either order.
  const sort = (table, column, isDescending) => {
    const body = table.tBodies[0];
    const order = (row) => row.cells[column].dataset.order;
    const rows = [...body.rows].sort((one, other) => {
      const found = compare(order(one), order(other));
      return order(one) === "" || order(other) === "" || !isDescending ? found : -found;
    });
    body.append(...rows);
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) =>
      head.querySelector("button").addEventListener("click", () => {
        const isDescending = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", isDescending ? "descending" : "ascending");
        sort(table, column, isDescending);
      }),
    );
  }

  // What is folded on the screen is printed whole.
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => (one.open = true)));

  (async () => {
    if (typeof Plotly !== "undefined") {
      await draw();
      for (const image of document.querySelectorAll("img.printed")) await still(image);
      dark.addEventListener("change", draw);
    }
    document.documentElement.dataset.ready = "yes";
  })();
})();
