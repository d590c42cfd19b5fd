"use strict";
// The neighbourhood of an item: drawn by forces, listed beside, walked by choosing.
// Whatever was written by others (ids, titles, names) goes into the page as text only.
(() => {
  const byId = (id) => document.getElementById(id);
  const { relations, items, edges, heads, start } = JSON.parse(byId("graph").textContent);
  const placeOf = new Map(items.map(([id], place) => [id, place]));
  const titles = items.map(([, title]) => title);
  const leaving = items.map(() => []);
  for (let k = 0; k < edges.length; k += 4) {
    const [source, target, relation, percent] = edges.slice(k, k + 4);
    leaving[source].push({ source, target, relation, percent });
  }
  const latent = [...relations.keys()].filter((place) => relations[place].latent);
  const given = [...relations.keys()].filter((place) => !relations[place].latent);
  const state = { centre: start, shown: new Set(latent), least: 50 };
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const drawing = byId("drawing");
  let animation = 0;

  function make(name, attributes = {}, text = "") {
    const inSvg = ["svg", "g", "path", "circle", "text", "tspan", "title", "defs", "marker"];
    const element = inSvg.includes(name)
      ? document.createElementNS("http://www.w3.org/2000/svg", name)
      : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text) element.textContent = text;
    return element;
  }

  function swatch({ color, dashed }) {
    const icon = make("svg", {
      class: `swatch ${color}${dashed ? " dashed" : ""}`, viewBox: "0 0 18 10", "aria-hidden": "true",
    });
    icon.append(make("path", { d: "M1 5H17" }));
    return icon;
  }

  // --- what is shown -------------------------------------------------------------------
  const visible = (edge) => state.shown.has(edge.relation) && edge.percent >= state.least;

  function neighborhood() {
    const found = leaving[state.centre].filter(visible).sort((a, b) => b.percent - a.percent);
    const room = drawing.clientWidth < 520 ? 8 : 14;
    const nearest = [...new Set(found.map((edge) => edge.target))].slice(0, room);
    const places = new Set([state.centre, ...nearest]);
    const links = [...places].flatMap((place) =>
      leaving[place].filter((edge) => visible(edge) && places.has(edge.target)));
    return { found, places: [...places], links };
  }

  function show() {
    const { found, places, links } = neighborhood();
    const all = new Set(found.map((edge) => edge.target)).size;
    byId("centre").textContent = titles[state.centre];
    byId("count").textContent = state.centre >= heads
      ? "What this item leads to is not part of this page."
      : `leads to ${all === 1 ? "one item" : `${all} items`}` +
        (places.length - 1 < all ? `, of which the ${places.length - 1} surest are drawn` : "");
    byId("list").replaceChildren(...found.map((edge) => row(edge)));
    draw(places, links);
  }

  function row(edge) {
    const button = make("button", { type: "button", "data-place": edge.target });
    const by = make("span", { class: "by" });
    const { label } = relations[edge.relation];
    by.append(swatch(relations[edge.relation]), `${label} · ${edge.percent} %`);
    button.append(by, titles[edge.target]);
    button.addEventListener("click", () => go(edge.target));
    button.addEventListener("mouseenter", () => light(edge.target));
    button.addEventListener("mouseleave", () => light(null));
    const entry = make("li");
    entry.append(button);
    return entry;
  }

  // --- the drawing ---------------------------------------------------------------------
  function lines(title, width, most) {
    const rows = [""];
    for (const word of title.split(" ")) {
      const last = rows.at(-1);
      if (!last || last.length + word.length < width) rows[rows.length - 1] = `${last} ${word}`.trim();
      else rows.push(word);
    }
    if (rows.length > most) rows[most - 1] += " …";
    return rows.slice(0, most).map((line) => (line.length > width + 6 ? `${line.slice(0, width)}…` : line));
  }

  function draw(places, links) {
    cancelAnimationFrame(animation);
    const width = drawing.clientWidth, height = drawing.clientHeight;
    const narrow = width < 520;
    const letters = narrow ? 15 : 22;
    const nodes = places.map((place, k) => {
      const text = lines(titles[place], k ? letters : letters + 6, k ? 2 : 3);
      const angle = (2 * Math.PI * (k - 0.5)) / Math.max(places.length - 1, 1) - Math.PI / 2;
      const [rx, ry] = k ? [width * 0.36, height * 0.36] : [0, 0];
      return {
        place, text, x: width / 2 + rx * Math.cos(angle), y: height / 2 + ry * Math.sin(angle), vx: 0, vy: 0,
        w: 3.6 * Math.max(...text.map((line) => line.length)) + 8, h: 8 * text.length + 14, foot: 14 * text.length + 20, fixed: !k,
      };
    });
    const at = new Map(nodes.map((node) => [node.place, node]));
    const twins = new Map();
    const curves = links.map((edge) => {
      const pair = [edge.source, edge.target].sort((a, b) => a - b).join();
      const number = twins.get(pair) ?? 0;
      twins.set(pair, number + 1);
      return { edge, from: at.get(edge.source), to: at.get(edge.target), pair, number };
    });
    const drawn = [...curves.map(curve), ...nodes.map(dot)];
    drawing.replaceChildren(markers(), ...drawn.map(({ element }) => element));
    drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const place = () => drawn.forEach(({ move }) => move());
    let heat = 1;
    const step = () => {
      heat *= 0.97;
      settle(nodes, curves, heat, width, height);
    };
    for (let k = 0; k < (calm.matches ? 180 : 60); k++) step();
    place();
    if (calm.matches) return;
    const tick = () => {
      step();
      place();
      if (heat > 0.005) animation = requestAnimationFrame(tick);
    };
    tick();
  }

  function settle(nodes, curves, heat, width, height) {
    const reach = Math.min(width, height) * 0.36;
    for (const [k, a] of nodes.entries()) {
      for (const b of nodes.slice(k + 1)) push(a, b, heat);
    }
    for (const { from, to } of curves) {
      const direct = from.fixed || to.fixed;
      const dx = to.x - from.x, dy = to.y - from.y, far = Math.hypot(dx, dy) || 1;
      const pull = ((far - reach * (direct ? 1 : 0.8)) / far) * heat * (direct ? 0.05 : 0.008);
      from.vx += dx * pull; from.vy += dy * pull;
      to.vx -= dx * pull; to.vy -= dy * pull;
    }
    for (const node of nodes) {
      if (node.fixed) continue;
      node.vx *= 0.6; node.vy *= 0.6;
      node.x = Math.min(width - node.w - 4, Math.max(node.w + 4, node.x + node.vx));
      node.y = Math.min(height - node.foot, Math.max(16, node.y + node.vy));
    }
  }

  // Charges push everything apart; labels that overlap push along their shorter way out.
  function push(a, b, heat) {
    const dx = b.x - a.x || 0.1, dy = b.y - a.y || 0.1, square = dx * dx + dy * dy;
    let fx = (dx / square) * 900 * heat, fy = (dy / square) * 900 * heat;
    const overX = a.w + b.w - Math.abs(dx), overY = a.h + b.h - Math.abs(dy);
    if (overX > 0 && overY > 0) {
      if (overX / (a.w + b.w) < overY / (a.h + b.h)) fx += Math.sign(dx) * overX * 0.3;
      else fy += Math.sign(dy) * overY * 0.3;
    }
    a.vx -= fx; a.vy -= fy;
    b.vx += fx; b.vy += fy;
  }

  function markers() {
    const defs = make("defs");
    for (const [k, { color }] of relations.entries()) {
      const marker = make("marker", {
        id: `arrow${k}`, class: color, viewBox: "0 0 8 8", refX: 7, refY: 4,
        markerWidth: 7, markerHeight: 7, markerUnits: "userSpaceOnUse", orient: "auto",
      });
      marker.append(make("path", { d: "M0 0.5L8 4L0 7.5z" }));
      defs.append(marker);
    }
    return defs;
  }

  function curve({ edge, from, to, number }) {
    const { color, dashed, label } = relations[edge.relation];
    const element = make("path", {
      class: `edge ${color}${dashed ? " dashed" : ""}${from.fixed ? "" : " aside"}`,
      "marker-end": `url(#arrow${edge.relation})`, "stroke-width": 0.6 + edge.percent / 60,
      "data-source": edge.source,
    });
    element.append(make("title", {}, `${label}: ${edge.percent} % sure`));
    const move = () => {
      const dx = to.x - from.x, dy = to.y - from.y, far = Math.hypot(dx, dy) || 1;
      const [ux, uy] = [dx / far, dy / far];
      const bend = 14 + 18 * number;
      const [x1, y1] = [from.x + ux * 8, from.y + uy * 8], [x2, y2] = [to.x - ux * 10, to.y - uy * 10];
      element.setAttribute("d", `M${x1} ${y1}Q${(x1 + x2) / 2 - uy * bend} ${(y1 + y2) / 2 + ux * bend} ${x2} ${y2}`);
    };
    return { element, move };
  }

  function dot(node) {
    const element = make("g", {
      class: `node${node.fixed ? " centre" : ""}${node.place >= heads ? " leaf" : ""}`,
      tabindex: 0, role: "button", "data-place": node.place,
    });
    const text = make("text");
    text.append(...node.text.map((line, k) => make("tspan", { x: 0, dy: k ? 14 : 22 }, line)));
    element.append(make("title", {}, titles[node.place]), make("circle", { r: node.fixed ? 7 : 6 }), text);
    element.addEventListener("click", () => go(node.place));
    element.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); go(node.place); }
    });
    for (const name of ["mouseenter", "focus"]) element.addEventListener(name, () => light(node.place));
    for (const name of ["mouseleave", "blur"]) element.addEventListener(name, () => light(null));
    return { element, move: () => element.setAttribute("transform", `translate(${node.x} ${node.y})`) };
  }

  // Shows where an item leads to instead of where the one in the centre does.
  function light(place) {
    drawing.classList.toggle("aside", place !== null && place !== state.centre);
    for (const edge of drawing.querySelectorAll(".edge")) {
      edge.classList.toggle("lit", edge.dataset.source === `${place}`);
    }
    for (const button of byId("list").querySelectorAll("button")) {
      button.classList.toggle("lit", button.dataset.place === `${place}`);
    }
  }

  // --- walking, searching, filtering ---------------------------------------------------
  function go(place) {
    location.hash = `item=${encodeURIComponent(items[place][0])}`;
  }

  function arrive() {
    if (!location.hash.startsWith("#item=")) return;
    const place = placeOf.get(decodeURIComponent(location.hash.slice(6)));
    if (place === undefined) return;
    state.centre = place;
    show();
    const { top, bottom } = drawing.getBoundingClientRect();
    if (bottom < 0 || top > innerHeight - 100) byId("explore").scrollIntoView();
  }

  function search() {
    const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const hits = [];
    for (let place = 0; words.length && place < items.length && hits.length < 8; place++) {
      const text = items[place].join(" ").toLowerCase();
      if (words.every((word) => text.includes(word))) hits.push(place);
    }
    byId("found").hidden = !hits.length;
    byId("found").replaceChildren(...hits.map((place) => {
      const button = make("button", { type: "button" }, titles[place]);
      button.addEventListener("click", () => { close(); go(place); });
      const entry = make("li");
      entry.append(button);
      return entry;
    }));
  }

  function close() {
    byId("found").hidden = true;
    byId("search").value = "";
  }

  function filter(place) {
    const relation = relations[place];
    const button = make("button", {
      type: "button", class: relation.color, "aria-pressed": state.shown.has(place), "data-relation": relation.key,
    });
    button.append(swatch(relation), relation.label);
    button.addEventListener("click", () => {
      const on = !state.shown.delete(place);
      if (on) state.shown.add(place);
      button.setAttribute("aria-pressed", on);
      show();
    });
    return button;
  }

  byId("filters").append(...[...latent, ...given].map(filter));
  byId("search").addEventListener("input", search);
  byId("search").addEventListener("keydown", (event) => {
    if (event.key === "Enter") byId("found").querySelector("button")?.click();
    if (event.key === "Escape") close();
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest(".search")) byId("found").hidden = true;
  });
  byId("sure").addEventListener("input", () => {
    state.least = Number(byId("sure").value);
    byId("least").textContent = `${state.least} %`;
    show();
  });
  addEventListener("hashchange", arrive);
  let width = 0;
  new ResizeObserver(() => {
    if (drawing.clientWidth !== width) { width = drawing.clientWidth; show(); }
  }).observe(drawing);
  document.querySelector(".explorer").hidden = false;
  show();
  arrive();
})();
