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
    const home = ["button", "li", "span"].includes(name) ? "1999/xhtml" : "2000/svg";
    const element = document.createElementNS(`http://www.w3.org/${home}`, name);
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

  function row({ target, relation, percent }) {
    const by = make("span", { class: "by" });
    by.append(swatch(relations[relation]), `${relations[relation].label} · ${percent} %`);
    const entry = choice(target, by);
    entry.addEventListener("mouseenter", () => light(target));
    entry.addEventListener("mouseleave", () => light(null));
    return entry;
  }

  function choice(place, ...before) {
    const entry = make("li"), button = make("button", { type: "button", "data-place": place });
    button.append(...before, titles[place]);
    button.addEventListener("click", () => go(place));
    entry.append(button);
    return entry;
  }

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
    const nodes = places.map((place, k) => node(place, k, places.length, width, height));
    const curves = connect(links, nodes);
    const drawn = [...curves.map(curve), ...nodes.map(dot)];
    drawing.replaceChildren(markers(), ...drawn.map(({ element }) => element));
    drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
    let heat = 1;
    const step = () => {
      heat *= 0.97;
      settle(nodes, curves, heat, width, height);
    };
    const tick = () => {
      step();
      for (const { move } of drawn) move();
      if (heat > 0.005 && !calm.matches) animation = requestAnimationFrame(tick);
    };
    for (let k = 0; k < (calm.matches ? 180 : 60); k++) step();
    tick();
  }

  // The first one stands in the centre; the others begin around it, surest first. A box
  // of w to either side and h up and down keeps its label free; foot is the label's end.
  function node(place, k, count, width, height) {
    const letters = width < 520 ? 15 : 22;
    const text = k ? lines(titles[place], letters, 2) : lines(titles[place], letters + 6, 3);
    const angle = (2 * Math.PI * (k - 0.5)) / Math.max(count - 1, 1) - Math.PI / 2;
    return {
      place, text, fixed: !k, vx: 0, vy: 0,
      x: width * (0.5 + (k ? 0.36 * Math.cos(angle) : 0)),
      y: height * (0.5 + (k ? 0.36 * Math.sin(angle) : 0)),
      w: 3.6 * Math.max(...text.map((line) => line.length)) + 8,
      h: 8 * text.length + 14,
      foot: 14 * text.length + 20,
    };
  }

  // Edges between the same two items are numbered, so that each is bent differently.
  function connect(links, nodes) {
    const at = new Map(nodes.map((one) => [one.place, one]));
    const counts = new Map();
    return links.map((edge) => {
      const pair = [edge.source, edge.target].sort((a, b) => a - b).join();
      const number = counts.get(pair) ?? 0;
      counts.set(pair, number + 1);
      return { edge, number, from: at.get(edge.source), to: at.get(edge.target) };
    });
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
    for (const one of nodes.slice(1)) {
      one.vx *= 0.6; one.vy *= 0.6;
      one.x = Math.min(width - one.w - 4, Math.max(one.w + 4, one.x + one.vx));
      one.y = Math.min(height - one.foot, Math.max(16, one.y + one.vy));
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
      const [x1, y1] = [from.x + ux * 8, from.y + uy * 8];
      const [x2, y2] = [to.x - ux * 10, to.y - uy * 10];
      const [x, y] = [(x1 + x2) / 2 - uy * bend, (y1 + y2) / 2 + ux * bend];
      element.setAttribute("d", `M${x1} ${y1}Q${x} ${y} ${x2} ${y2}`);
    };
    return { element, move };
  }

  function dot(one) {
    const { place, fixed } = one;
    const element = make("g", {
      class: `node${fixed ? " centre" : ""}${place >= heads ? " leaf" : ""}`,
      tabindex: 0, role: "button", "data-place": place,
    });
    const text = make("text");
    text.append(...one.text.map((line, k) => make("tspan", { x: 0, dy: k ? 14 : 22 }, line)));
    element.append(make("title", {}, titles[place]), make("circle", { r: fixed ? 7 : 6 }), text);
    element.addEventListener("click", () => go(place));
    element.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      go(place);
    });
    for (const name of ["mouseenter", "focus"]) element.addEventListener(name, () => light(place));
    for (const name of ["mouseleave", "blur"]) element.addEventListener(name, () => light(null));
    return { element, move: () => element.setAttribute("transform", `translate(${one.x} ${one.y})`) };
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

  function go(place) {
    close();
    location.hash = `item=${encodeURIComponent(items[place][0])}`;
  }

  function arrive() {
    const place = placeOf.get(decodeURIComponent(location.hash.replace(/^#item=/, "")));
    if (place === undefined) return;
    state.centre = place;
    show();
    const { top, bottom } = drawing.getBoundingClientRect();
    if (bottom < 0 || top > innerHeight - 100) byId("explore").scrollIntoView();
  }

  function search() {
    const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (text) => words.length && words.every((word) => text.includes(word));
    const hits = [...items.keys()].filter((place) => fits(items[place].join(" ").toLowerCase()));
    byId("found").hidden = !hits.length;
    byId("found").replaceChildren(...hits.slice(0, 8).map((place) => choice(place)));
  }

  function close() {
    byId("found").hidden = true;
    byId("search").value = "";
  }

  function filter(place) {
    const relation = relations[place];
    const button = make("button", {
      type: "button", class: relation.color, "data-relation": relation.key,
      "aria-pressed": state.shown.has(place),
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
