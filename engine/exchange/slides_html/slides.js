// Shows one page at a time, by keys, buttons or the address, and draws its figures in the reader's theme.
(() => {
  "use strict";
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const slides = [...document.querySelectorAll(".slide")];
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const named = () => slides.findIndex((slide) => slide.id === location.hash.slice(1));
  let at = Math.max(0, named());

  const draw = (slide) => {
    for (const place of slide.querySelectorAll(".plot")) {
      const { data, layout } = structuredClone(figures[place.dataset.chart][dark.matches ? "dark" : "light"]);
      Plotly.react(place, data, layout, { displayModeBar: false, responsive: true });
    }
  };

  const show = (number) => {
    at = Math.min(Math.max(number, 0), slides.length - 1);
    slides.forEach((slide, i) => (slide.hidden = i !== at));
    document.getElementById("place").textContent = `${at + 1} / ${slides.length}`;
    history.replaceState(null, "", `#${slides[at].id}`);
    draw(slides[at]);
  };

  const toggleNotes = () => {
    const shown = document.body.classList.toggle("with-notes");
    document.getElementById("notes").setAttribute("aria-pressed", String(shown));
  };

  const keys = {
    ArrowRight: () => show(at + 1), PageDown: () => show(at + 1), " ": () => show(at + 1),
    ArrowLeft: () => show(at - 1), PageUp: () => show(at - 1),
    Home: () => show(0), End: () => show(slides.length - 1),
    n: toggleNotes, N: toggleNotes,
  };
  addEventListener("keydown", (event) => {
    const isPress = event.target.closest?.("button") && event.key === " ";
    if (event.ctrlKey || event.metaKey || event.altKey || isPress || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
  document.getElementById("next").addEventListener("click", () => show(at + 1));
  document.getElementById("previous").addEventListener("click", () => show(at - 1));
  document.getElementById("notes").addEventListener("click", toggleNotes);
  addEventListener("hashchange", () => named() >= 0 && show(named()));
  addEventListener("beforeprint", () => slides.forEach((slide) => { slide.hidden = false; draw(slide); }));
  addEventListener("afterprint", () => show(at));
  dark.addEventListener("change", () => show(at));
  show(at);
})();
