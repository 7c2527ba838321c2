// Opens, beside a number, a table or a figure, where it comes from. Without this script the marks are links to the same.
"use strict";

(() => {
  const data = JSON.parse(document.getElementById("sources-data").textContent);
  let dialog = null;

  const element = (name, text) => Object.assign(document.createElement(name), text === undefined ? {} : { textContent: text });

  const link = (text, address) => Object.assign(element("a", text), { href: address });

  const make = () => {
    dialog = element("dialog");
    dialog.className = "source-dialog";
    dialog.setAttribute("aria-label", "Where this comes from");
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close();
    });
    document.body.append(dialog);
  };

  const rows = (mark) => {
    const { file, also = "", row, line, column, cell, how, figure, code } = mark.dataset;
    const command = data.files[file][0];
    const found = [file, ...also.split(" ")]
      .filter(Boolean)
      .map((name) => ["File", Object.assign(link(name, data.files[name][1]), { download: "" })]);
    if (figure) found.push(["Figure", element("code", figure)]);
    if (row) found.push(["Rows", element("code", row)]);
    if (line) found.push(["Line", element("span", line)]);
    if (column) found.push(["Column", element("code", column)]);
    if (cell) found.push(["In the file", element("code", cell)]);
    if (how) found.push(["How", element("span", how)]);
    found.push(["Made by", element("code", command)]);
    const module = data.codes[code] ? link(code, data.codes[code]) : element("code", code);
    found.push([figure ? "Drawn by" : "Computed by", module]);
    found.push(["More", link("all results, and how each is made", mark.getAttribute("href"))]);
    return found;
  };

  const open = (mark) => {
    if (!dialog) make();
    const list = element("dl");
    for (const [name, value] of rows(mark)) {
      const told = element("dd");
      told.append(value);
      list.append(element("dt", name), told);
    }
    const close = Object.assign(element("button", "Close"), { type: "button" });
    close.addEventListener("click", () => dialog.close());
    dialog.replaceChildren(list, close);
    dialog.showModal();
    close.focus();
  };

  document.addEventListener("click", (event) => {
    const mark = event.target.closest("a[data-file]");
    // With a key held, a link does what links do.
    if (!mark || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    open(mark);
  });
})();
