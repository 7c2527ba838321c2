/* The explorer: reads the data that lie in the page, answers ticks, keeps the view in the address. Nothing is requested. */
"use strict";

(() => {
  const MARK = "#explore=";
  const MINUS = "\u2212";
  const PERCENT = "\u00a0%";
  const TITLES = { mAP: "mAP", rank1: "Rank-1" };
  const places = window.explorerPlaces;

  // What is rounded to zero has no sign.
  const isZero = (text) => Number(text) === 0;
  const fixed = (value, digits) => {
    const text = value.toFixed(digits);
    return text.replace("-", isZero(text) ? "" : MINUS);
  };
  // Below one, a second digit: chance would read 0.2 and 0.1.
  const score = (value) => fixed(value, Math.abs(value) < 1 ? 2 : 1);
  const signed = (value) => (value >= 0 && !isZero(score(value)) ? "+" : "") + score(value);
  const span = (low, high) => `${fixed(low, 1)} to ${fixed(high, 1)}`;
  const thousands = (number) => number.toLocaleString("en");
  const count = (number, word) => `${thousands(number)} ${word}${number === 1 ? "" : "s"}`;

  function unpack({ text, width, scale }) {
    const values = new Float64Array(text.length / width);
    for (let place = 0; place < values.length; place += 1) {
      values[place] = parseInt(text.slice(place * width, (place + 1) * width), 36) / scale;
    }
    return values;
  }

  /* Coefficients and covariances to a prediction for one more run, with its 95 % interval. */
  function predict(glm, mask) {
    const included = glm.coef.map((_, term) => (term === 0 ? 1 : (mask >> (term - 1)) & 1));
    let variance = glm.residual;
    let place = 0;
    let point = 0;
    included.forEach((x, row) => {
      point += x * glm.coef[row];
      for (let column = 0; column <= row; column += 1, place += 1) {
        variance += x * included[column] * glm.covariance[place] * (column === row ? 1 : 2);
      }
    });
    const half = glm.quantile * Math.sqrt(variance);
    return { point, low: point - half, high: point + half };
  }

  function start(root) {
    const data = JSON.parse(root.querySelector(".explorer-data").textContent);
    const full = root.dataset.size === "full";
    const boxes = [...root.querySelectorAll("input[type=checkbox]")];
    const named = Object.fromEntries(boxes.map((box) => [box.value, box.nextElementSibling.firstElementChild.textContent]));
    const said = root.querySelector(".explorer-said");
    const view = root.querySelector(".explorer-view");
    const heads = [...root.querySelectorAll("thead th[data-dataset]")];
    const sets = root.querySelector(".explorer-sets");
    const datasets = data.datasets.map((entry) => ({
      ...entry,
      values: Object.fromEntries(Object.entries(entry.packed).map(([name, packed]) => [name, unpack(packed)])),
      byMask: new Map(entry.sets.map((trained) => [trained.mask, trained])),
      card: root.querySelector(`.explorer-card[data-dataset=${entry.name}]`),
      ours: root.querySelector(`.explorer-ours[data-dataset=${entry.name}]`),
    }));
    let metric = data.metrics[0];
    let unknown = [];

    const ticked = () => boxes.filter((box) => box.checked).map((box) => box.value);
    const maskOf = (dataset, chosen) =>
      dataset.attributes.reduce((mask, name, bit) => mask | (chosen.includes(name) ? 1 << bit : 0), 0);

    function address() {
      const chosen = ticked().join(",") || "none";
      return MARK + chosen + (metric === data.metrics[0] ? "" : `&score=${metric}`);
    }

    /* A number that opens where it comes from, as those of the text do (sources.js). */
    function mark(text, place, kind = "result") {
      const link = Object.assign(document.createElement("a"), { className: kind, textContent: text });
      link.href = `${root.dataset.sources}#from-${place.file.replace(/\.csv$/, "")}`;
      Object.assign(link.dataset, { code: data.codes[place.file], ...place });
      return link;
    }

    function fill(card, name, { value, place, note = "", low, high }) {
      const row = card.querySelector(`[data-row=${name}]`);
      row.querySelector("td").replaceChildren(value === undefined ? "not run" : mark(score(value), place));
      row.querySelector("small").replaceChildren(...[note].flat());
      const bar = row.querySelector(".explorer-bar");
      bar.hidden = value === undefined;
      const share = (number) => `${Math.min(100, Math.max(0, number))}%`;
      bar.querySelector(".explorer-fill").style.width = share(value ?? 0);
      const whisker = bar.querySelector(".explorer-whisker");
      whisker.hidden = low === undefined;
      if (low !== undefined) {
        whisker.style.left = share(low);
        whisker.style.width = `${Math.min(100, high) - Math.max(0, low)}%`;
      }
    }

    /* What ticking each free attribute adds, and unticking each chosen one takes away. */
    function changes(dataset, mask) {
      const alone = dataset.values[metric];
      return dataset.attributes.map((name, bit) => {
        const other = mask ^ (1 << bit);
        const free = other > mask;
        const bits = dataset.values.bits ? dataset.values.bits[mask] - dataset.values.bits[other] : 0;
        return { name, free, other, points: alone[other] - alone[mask], bits };
      });
    }

    function most(found, key) {
      return found.filter((change) => change.free).reduce((best, one) => (!best || one[key] > best[key] ? one : best), null);
    }

    function showNext(dataset, mask, found) {
      const best = most(found, "points");
      const place = dataset.card.querySelector(".explorer-next");
      const points = (one) => mark(`${signed(one.points)} points`, places.change(dataset, one.other, mask, metric));
      if (!best) {
        const loss = found.reduce((worst, one) => (one.points < worst.points ? one : worst));
        place.replaceChildren(`All are ticked. ${named[loss.name]} takes most away when unticked: `, points(loss), ".");
        return loss;
      }
      place.replaceChildren(`Adds most next: ${named[best.name]}, `, points(best), ".");
      if (dataset.values.bits) {
        const informative = most(found, "bits");
        const bits = mark(`${fixed(informative.bits, 2)} bits`, places.change(dataset, mask, informative.other, "bits"));
        const same = informative.name === best.name;
        place.append(same ? " It also reveals most of who it is: " : ` ${named[informative.name]} reveals more of who it is: `);
        place.append(bits, ".");
      }
      return best;
    }

    function showChanges(dataset, mask, found, best) {
      for (const { name, points } of found) {
        const cell = root.querySelector(`td[data-dataset=${dataset.name}][data-attribute=${name}]`);
        cell.textContent = (best.name === name ? "\u2605 " : "") + signed(points);
      }
      const source = mark("source", places.changes(dataset, mask, metric), "source-mark");
      source.setAttribute("aria-label", `Source of the numbers of ${dataset.title}`);
      const head = heads.find((one) => one.dataset.dataset === dataset.name);
      head.querySelector("a")?.remove();
      head.append(" ", source);
    }

    function showAlone(dataset, mask, size) {
      let note = count(size, "attribute");
      if (dataset.values.bits) {
        const [all, left] = [dataset.values.bits[0], dataset.values.bits[mask]];
        const [people, shared] = [dataset.values.shared[0], dataset.values.shared[mask]];
        note += `: ${fixed(all - left, 1)} of ${fixed(all, 1)} bits of identity; `;
        note += `${thousands(shared)} of ${thousands(people)} people match somebody else on all of them`;
      }
      fill(dataset.card, "alone", { value: dataset.values[metric][mask], place: places.alone(dataset, mask, metric), note });
    }

    function showPaper(dataset, trained) {
      const baseline = dataset.byMask.get(0);
      if (!trained?.paper) {
        const sets = dataset.sets.filter((one) => one.paper).length;
        fill(dataset.card, "paper", { note: `the paper trained ${sets} sets, not this one` });
        return;
      }
      const [value, start] = [trained, baseline].map((one) => one.paper[metric]);
      const over = mark(score(start), places.paper(dataset, baseline, metric));
      const note = trained.mask === 0 ? "its baseline; one run" : [`one run; ${signed(value - start)} over its baseline of `, over];
      fill(dataset.card, "paper", { value, place: places.paper(dataset, trained, metric), note });
    }

    function showGlm(dataset, mask, trained) {
      const { point, low, high } = predict(dataset.glm[metric], mask);
      const paper = trained?.paper?.[metric];
      let note = `${span(low, high)}: where one run would lie (95${PERCENT})`;
      if (paper !== undefined) {
        note += paper < low || paper > high ? "; the paper’s lies outside" : "; the paper’s lies inside";
      }
      fill(dataset.card, "glm", { value: point, place: places.glm(dataset, metric), low, high, note });
    }

    function fillOurs(dataset, name, trained, note) {
      if (!trained?.ours) {
        fill(dataset.ours, name, { note });
        return;
      }
      const seeds = `mean of ${count(trained.seeds, "seed")}, SD ${fixed(trained.ours[metric][1], 1)}`;
      const place = places.ours(dataset, trained, metric);
      fill(dataset.ours, name, { value: trained.ours[metric][0], place, note: [seeds, ...note] });
    }

    function gained(dataset, trained) {
      const [value, low, high] = trained.gain;
      return ["; ", mark(`${signed(value)} (${span(low, high)})`, places.gain(dataset, trained)), " over no experts"];
    }

    function showOurs(dataset, mask, trained) {
      const gain = metric === "mAP" && trained?.gain ? gained(dataset, trained) : [];
      fillOurs(dataset, "ours", trained, trained?.ours ? gain : "we trained the paper’s sets, not this one");
      fillOurs(dataset, "ours-baseline", dataset.byMask.get(0), []);
      const everything = mask === 2 ** dataset.attributes.length - 1;
      const shown = everything && metric === "mAP";
      dataset.ours.querySelector(".explorer-controls").hidden = !shown;
      dataset.controls.forEach((control, index) => {
        const [value, low, high] = control.mAP;
        const note = `${span(low, high)} (95${PERCENT})`;
        fill(dataset.ours, `control-${index}`, { value, place: places.control(dataset, control), low, high, note });
      });
      dataset.ours.querySelector(".explorer-controls-said").textContent = shown
        ? "Controls: the same world and all attributes."
        : "Controls were run with all attributes, in mAP: tick all to see them.";
    }

    function show() {
      const chosen = ticked();
      const parts = [];
      for (const dataset of datasets) {
        const mask = maskOf(dataset, chosen);
        const size = dataset.attributes.filter((name) => chosen.includes(name)).length;
        const trained = dataset.byMask.get(mask);
        const found = changes(dataset, mask);
        showAlone(dataset, mask, size);
        showPaper(dataset, trained);
        const best = showNext(dataset, mask, found);
        if (full) {
          showChanges(dataset, mask, found, best);
          showGlm(dataset, mask, trained);
          showOurs(dataset, mask, trained);
        }
        parts.push(`${score(dataset.values[metric][mask])}${PERCENT} on ${dataset.title}`);
      }
      root.querySelectorAll(".explorer-metric-title").forEach((place) => (place.textContent = TITLES[metric]));
      const who = chosen.length === 0 ? "No attribute" : chosen.length === 1 ? named[chosen[0]] : `${chosen.length} attributes`;
      const ignored = unknown.length ? ` The address also names what is not here: ${unknown.join(", ")}.` : "";
      said.textContent = `${who} and no image: ${TITLES[metric]} ${parts.join(", ")}.${ignored}`;
      if (sets) {
        const value = chosen.join(",") || "none";
        sets.value = [...sets.options].some((option) => option.value === value) ? value : "";
      }
      view.href = view.getAttribute("href").split("#")[0] + address();
    }

    function tick(names) {
      boxes.forEach((box) => (box.checked = names.includes(box.value)));
    }

    /* The address to ticks; whether it held a view. */
    function read() {
      if (!location.hash.startsWith(MARK)) return false;
      const [list, ...rest] = decodeURIComponent(location.hash.slice(MARK.length)).split("&");
      const names = list.split(",").filter((name) => name && name !== "none");
      const wanted = rest.find((part) => part.startsWith("score="))?.slice("score=".length);
      unknown = names.filter((name) => !(name in named));
      if (wanted && !data.metrics.includes(wanted)) unknown.push(wanted);
      metric = data.metrics.includes(wanted) ? wanted : data.metrics[0];
      root.querySelectorAll("input[type=radio]").forEach((radio) => (radio.checked = radio.value === metric));
      tick(names);
      return true;
    }

    function changed() {
      unknown = [];
      show();
      history.replaceState(null, "", address());
    }

    root.addEventListener("change", (event) => {
      if (event.target === sets) {
        if (sets.value === "") return;
        tick(sets.value.split(","));
      }
      if (event.target.type === "radio") metric = event.target.value;
      changed();
    });
    root.querySelectorAll("[data-tick]").forEach((button) =>
      button.addEventListener("click", () => {
        tick(button.dataset.tick === "all" ? boxes.map((box) => box.value) : []);
        changed();
      }),
    );
    window.addEventListener("hashchange", () => {
      if (read()) show();
    });

    root.hidden = false;
    const sent = read();
    if (!sent) tick(boxes.map((box) => box.value));
    show();
    if (sent) root.scrollIntoView();
  }

  document.querySelectorAll(".explorer").forEach(start);
})();
