"use strict";
// One slider a case moves both maps: only the strongest share of each stays over the picture.
(() => {
  const ramp = document.body.dataset.ramp.match(/.{6}/g).map((c) => [0, 2, 4].map((i) => parseInt(c.slice(i, i + 2), 16)));
  const FOR = [230, 97, 1], AGAINST = [44, 123, 229];

  function pane(figure) {
    const image = figure.querySelector("img");
    const signed = figure.dataset.signed === "1";
    const values = Int8Array.from(atob(figure.dataset.map), (c) => c.charCodeAt(0));
    const ranked = values.map((v) => Math.abs(v)).sort();
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth || image.width;
    canvas.height = image.naturalHeight || image.height;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", image.alt);
    const layer = document.createElement("canvas");
    layer.width = Number(figure.dataset.columns);
    layer.height = Number(figure.dataset.rows);
    return { image, signed, values, ranked, canvas, layer };
  }

  function draw(p, grey, share) {
    const least = p.ranked[Math.min(p.ranked.length - 1, Math.floor((1 - share) * p.ranked.length))];
    const over = p.layer.getContext("2d");
    const pixels = over.createImageData(p.layer.width, p.layer.height);
    p.values.forEach((v, i) => {
      const size = Math.abs(v) / 127;
      if (!size || Math.abs(v) < least) return;
      const colour = p.signed ? (v > 0 ? FOR : AGAINST) : ramp[Math.round(size * (ramp.length - 1))];
      pixels.data.set([...colour, 255 * (p.signed ? 0.62 : 0.85) * size ** 0.6], 4 * i);
    });
    over.putImageData(pixels, 0, 0);
    const field = p.canvas.getContext("2d");
    field.putImageData(grey, 0, 0);
    field.drawImage(p.layer, 0, 0, p.canvas.width, p.canvas.height);
  }

  function greyed(image) {
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const field = canvas.getContext("2d");
    field.drawImage(image, 0, 0);
    const pixels = field.getImageData(0, 0, canvas.width, canvas.height);
    for (let i = 0; i < pixels.data.length; i += 4) {
      const d = pixels.data;
      d[i] = d[i + 1] = d[i + 2] = 0.299 * d[i] + 0.587 * d[i + 1] + 0.114 * d[i + 2];
    }
    return pixels;
  }

  for (const box of document.querySelectorAll(".linked")) {
    const article = box.closest("article");
    const slider = box.querySelector("input"), told = box.querySelector("output");
    let ready = null;
    const begin = async () => {
      const base = article.querySelector(".base img");
      const figures = [...article.querySelectorAll(".pane")];
      await Promise.all([base, ...figures.map((f) => f.querySelector("img"))].map((i) => i.decode()));
      const panes = figures.map(pane), grey = greyed(base);
      for (const p of panes) {
        p.image.after(p.canvas);
        p.image.hidden = true;
      }
      return { panes, grey };
    };
    slider.addEventListener("input", async () => {
      told.textContent = `${slider.value} %`;
      ready ??= begin();
      const { panes, grey } = await ready;
      for (const p of panes) draw(p, grey, slider.value / 100);
    });
    box.hidden = false;
  }
})();
