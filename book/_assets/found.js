// The search page: below each page that was found, the sections that hold the words, with the words in their sentence.
"use strict";

(() => {
  const SHOWN = 3;
  const AROUND = 90;

  const words = () =>
    (new URLSearchParams(location.search).get("q") || "")
      .toLowerCase()
      .split(/[^\p{Letter}\p{Number}_.]+/u)
      .filter((word) => word.length > 1);

  // A word of the index is a stem: what starts with the word, or the word without its ending, is meant too.
  const stems = (list) => list.map((word) => (word.length > 5 ? word.replace(/(ies|es|s|ing|ed)$/, "") : word));

  const places = (text, list) => list.map((word) => text.toLowerCase().indexOf(word)).filter((place) => place >= 0);

  const snippet = (text, list) => {
    const first = Math.min(...places(text, list));
    const start = first > AROUND ? text.indexOf(" ", first - AROUND) + 1 : 0;
    const end = text.length > first + AROUND ? text.lastIndexOf(" ", first + AROUND) : text.length;
    const shown = text.slice(start, Math.max(end, first + 20));
    const paragraph = document.createElement("span");
    paragraph.append(start > 0 ? "… " : "");
    const escaped = list.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    for (const part of shown.split(new RegExp(`(${escaped.join("|")})`, "i"))) {
      const hit = list.includes(part.toLowerCase());
      const piece = document.createElement(hit ? "mark" : "span");
      piece.textContent = part;
      paragraph.append(piece);
    }
    paragraph.append(end < text.length ? " …" : "");
    return paragraph;
  };

  // Results that wait for the sentences of their page.
  const waiting = new Map();

  const ask = (item) => {
    const link = item.querySelector("a");
    if (!link || item.dataset.asked) return;
    item.dataset.asked = "yes";
    const page = decodeURI(link.getAttribute("href")).replace(/^\.\//, "").replace(/\.html.*$/, "");
    if (waiting.has(page)) return;
    waiting.set(page, item);
    const script = document.createElement("script");
    script.src = `_static/found/${page}.js`;
    document.head.append(script);
  };

  window.found = ([page, sections]) => {
    const item = waiting.get(page);
    const list = stems(words());
    const found = sections
      .map(([anchor, title, text]) => ({ anchor, title, text, hits: places(`${title} ${text}`, list).length }))
      .filter((section) => section.hits && places(section.text, list).length)
      .sort((one, other) => other.hits - one.hits)
      .slice(0, SHOWN);
    if (!found.length) return;
    const holder = document.createElement("ul");
    holder.className = "found";
    for (const section of found) {
      const line = document.createElement("li");
      const target = document.createElement("a");
      target.href = `${page}.html#${section.anchor}`;
      target.textContent = section.title;
      line.append(target, ": ", snippet(section.text, list));
      holder.append(line);
    }
    item.append(holder);
  };

  document.addEventListener("DOMContentLoaded", () => {
    const results = document.getElementById("search-results");
    if (!results) return;
    new MutationObserver(() => results.querySelectorAll("ul.search > li").forEach(ask)).observe(results, {
      childList: true,
      subtree: true,
    });
  });
})();
