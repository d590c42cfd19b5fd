"use strict";
// Choose a history, see recommendations with reasons, walk from item to item.
// Whatever was written by others (ids, titles, names) goes into the page as text only.
(() => {
  const byId = (id) => document.getElementById(id);
  const chosen = [];
  const latest = {};
  let relation = "", pause;

  function make(name, { text = "", ...attributes } = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(text, ...children);
    return element;
  }

  // Ask the service; of several questions of a kind, only the last one is answered.
  async function ask(kind, path, body) {
    const turn = latest[kind] = (latest[kind] ?? 0) + 1;
    let answer, error = "";
    try {
      const response = await fetch(path, body && {
        method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
      });
      answer = await response.json();
      if (!response.ok) error = answer.detail;
    } catch {
      error = "The service does not answer.";
    }
    if (turn !== latest[kind]) return null;
    byId("problem").textContent = error;
    byId("problem").hidden = !error;
    return error ? null : answer;
  }

  function button(text, label, act) {
    const made = make("button", { type: "button", class: "plain", text, "aria-label": label });
    made.addEventListener("click", act);
    return made;
  }

  const address = (id) => `#item=${encodeURIComponent(id)}`;
  const link = ({ id, text }) => make("a", { class: "item", href: address(id), text: text || id });
  const add = (item) => button("add", `Add ${item.text} to what was bought`, () => choose(item));
  const number = (text) => make("span", { class: "number", text });

  function choose(item) {
    chosen.push(item);
    byId("search").value = "";
    hide();
    recommend();
  }

  function remove(place) {
    chosen.splice(place, 1);
    recommend();
  }

  async function recommend() {
    byId("history").replaceChildren(...chosen.map((item, place) => make("li", {},
      link(item), button("remove", `Remove ${item.text}`, () => remove(place)))));
    byId("nothing").hidden = chosen.length > 0;
    byId("clear").hidden = !chosen.length;
    const history = chosen.map((item) => item.id);
    const answer = await ask("recommend", "recommend", { history, k: 10 });
    if (answer) byId("recommended").replaceChildren(...answer.items.map(recommendation));
  }

  function recommendation(item) {
    const reasons = item.reasons.map(({ name, words, contribution }) => make("p", { class: "reason", title: words },
      make("span", { class: "words" }, make("b", { text: name }), words.slice(name.length)),
      number(`+${contribution.toFixed(2)}`)));
    if (!reasons.length) {
      const text = chosen.length ? "No relation leads here: it fits the whole history." : "Ranked by what others have bought.";
      reasons.push(make("p", { class: "reason", text }));
    }
    return make("li", {}, link(item), number(item.score.toFixed(2)), add(item), ...reasons);
  }

  async function search() {
    const wanted = byId("search").value.trim();
    const answer = await ask("search", `items?k=8&search=${encodeURIComponent(wanted)}`);
    if (!answer || byId("found").matches(":active")) return false; // a press goes on: what it began on stays
    byId("found").replaceChildren(...answer.items.map((item) => {
      const choice = make("button", { type: "button", text: item.text || item.id });
      choice.addEventListener("click", () => choose(item));
      return make("li", {}, choice);
    }));
    byId("found").hidden = !answer.items.length || document.activeElement !== byId("search");
    return true;
  }

  function hide() {
    clearTimeout(pause);
    latest.search = (latest.search ?? 0) + 1; // what was asked is no longer wanted
    byId("found").hidden = true;
  }

  // What is typed may be ahead of what was found.
  async function chooseFirst() {
    clearTimeout(pause);
    if (byId("search").value.trim() && await search()) byId("found").querySelector("button")?.click();
  }

  async function walk() {
    const id = location.hash.startsWith("#item=") ? decodeURIComponent(location.hash.slice(6)) : null;
    byId("around").hidden = id === null;
    if (id === null) return;
    const wanted = relation && `&relation=${encodeURIComponent(relation)}`;
    const answer = await ask("walk", `items/${encodeURIComponent(id)}/neighbors?k=20${wanted}`);
    if (!answer) return;
    byId("centre").replaceChildren(answer.item.text || answer.item.id, " ", add(answer.item));
    byId("neighbors").replaceChildren(...answer.neighbors.map((item) => make("li", {},
      link(item), number(`${item.name} · ${Math.round(100 * item.probability)} %`), add(item))));
    byId("none").hidden = answer.neighbors.length > 0;
  }

  function filter(key, name) {
    const chip = make("button", { type: "button", text: name, "aria-pressed": key === relation });
    chip.addEventListener("click", () => {
      for (const other of byId("filters").children) other.setAttribute("aria-pressed", other === chip);
      relation = key;
      walk();
    });
    return chip;
  }

  byId("search").addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(search, 150);
  });
  byId("search").addEventListener("focus", search);
  byId("search").addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
    if (event.key === "Enter") chooseFirst();
  });
  document.addEventListener("click", ({ target }) => {
    if (!target.closest(".search")) hide();
  });
  byId("clear").addEventListener("click", () => {
    chosen.length = 0;
    recommend();
  });
  addEventListener("hashchange", () => {
    walk();
    byId("around").scrollIntoView();
  });
  ask("health", "health").then((health) => {
    if (!health) return;
    byId("size").textContent = `${health.items.toLocaleString("en")} items are known.`;
    byId("filters").replaceChildren(filter("", "all relations"),
      ...health.relations.map((one) => filter(one.relation, one.name)));
  });
  recommend();
  walk();
})();
