(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  if (data === null || data.drawn.length < 2) return;

  const UNIT = 10000;
  const { groups } = data;
  const nodes = data.drawn.map(([parent, name, bytes, group, count, ...boxes], index) => ({
    ...{ index, parent, name, bytes, group, count: Math.max(0, count), isFolder: count < 0, children: [] },
    wide: boxes.slice(0, 4),
    tall: boxes.slice(4),
  }));
  for (const node of nodes) nodes[node.parent]?.children.push(node);
  for (const node of nodes) node.children.sort((a, b) => b.bytes - a.bytes);
  const leaves = nodes.filter(({ children }) => children.length === 0);
  const root = nodes[0];

  const map = $("map");
  const canvas = map.querySelector("canvas");
  const brush = canvas.getContext("2d");
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)");
  let here = root;
  let view = [0, 0, UNIT, UNIT];
  let chosen; // a group that stands out
  let hits = new Set(); // paths that were searched for
  let frame = 0;
  let colors;

  function sizeText(bytes) {
    let value = bytes;
    let unit = "B";
    for (const next of ["KiB", "MiB", "GiB", "TiB"]) {
      if (value < 1024) break;
      value /= 1024;
      unit = next;
    }
    return unit === "B" ? `${value} B` : `${value.toFixed(1)} ${unit}`;
  }

  function make(tag, props, ...children) {
    const element = Object.assign(document.createElement(tag), props);
    element.append(...children);
    return element;
  }

  const pathOf = (node) => (node.parent < 0 ? "" : `${pathOf(nodes[node.parent])}/${nameOf(node)}`);
  const nameOf = ({ name, count }) => (count > 0 ? `${count} smaller` : name);
  const shareOf = ({ bytes }) => `${((100 * bytes) / Math.max(1, root.bytes)).toFixed(1)} %`;
  const boxOf = (node) => (map.clientWidth > map.clientHeight * 1.15 ? node.wide : node.tall);

  /** Where a box is on the screen, in pixels. */
  function onScreen([x0, y0, x1, y1]) {
    const [left, top, right, bottom] = view;
    const [w, h] = [map.clientWidth / (right - left), map.clientHeight / (bottom - top)];
    return [(x0 - left) * w, (y0 - top) * h, (x1 - x0) * w, (y1 - y0) * h];
  }

  function readColors() {
    const style = getComputedStyle(document.documentElement);
    const value = (name) => style.getPropertyValue(`--${name}`).trim();
    colors = {
      groups: groups.map(({ slot }) => value(`g${slot}`)),
      edge: value("edge"),
      on: value("on"),
      accent: value("accent"),
    };
  }

  function paint() {
    const scale = window.devicePixelRatio || 1;
    const [width, height] = [map.clientWidth, map.clientHeight];
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    brush.setTransform(scale, 0, 0, scale, 0, 0);
    brush.fillStyle = colors.edge;
    brush.fillRect(0, 0, width, height);
    brush.font = "11px system-ui, sans-serif";
    brush.textBaseline = "middle";
    for (const node of leaves) {
      const [x, y, w, h] = onScreen(boxOf(node));
      if (x + w < 0 || y + h < 0 || x > width || y > height || w * h < 0.2) continue;
      brush.globalAlpha = chosen === undefined || chosen === node.group ? 1 : 0.22;
      brush.fillStyle = colors.groups[node.group];
      const gap = w > 3 && h > 3 ? 0.5 : 0;
      brush.fillRect(x + gap, y + gap, w - 2 * gap, h - 2 * gap);
      // Neighbours of one colour are told apart by the folder that they are in.
      brush.globalAlpha *= 0.07 * (node.parent % 3);
      brush.fillStyle = colors.on;
      brush.fillRect(x + gap, y + gap, w - 2 * gap, h - 2 * gap);
      brush.globalAlpha = 1;
      if (hits.size > 0 && hits.has(pathOf(node))) {
        brush.strokeStyle = colors.accent;
        brush.lineWidth = 3;
        brush.strokeRect(x + 2, y + 2, w - 4, h - 4);
      }
      // What is right below has its name on its button.
      if (nodes[node.parent] !== here && w > 54 && h > 44) label(nameOf(node), x, y, w, h);
    }
    brush.globalAlpha = 1;
  }

  function label(text, x, y, w, h) {
    brush.save();
    brush.beginPath();
    brush.rect(x + 3, y, w - 6, h);
    brush.clip();
    brush.fillStyle = colors.on;
    brush.fillText(shortened(text, w - 12), x + 6, y + h / 2 + 6);
    brush.restore();
  }

  function shortened(text, width) {
    const whole = brush.measureText(text).width;
    if (whole <= width) return text;
    return `${text.slice(0, Math.max(1, Math.floor((text.length * width) / whole) - 1))}…`;
  }

  /** A button for all that is right in this folder; of the keyboard's, the arrow keys go on from the one that has the focus. */
  function placeButtons() {
    for (const button of map.querySelectorAll("button")) {
      const node = nodes[button.dataset.node];
      const [x, y, w, h] = onScreen(boxOf(node));
      Object.assign(button.style, { left: `${x}px`, top: `${y}px`, width: `${w}px`, height: `${h}px` });
      button.firstChild.hidden = w < 34 || h < 18;
      button.querySelector("small").hidden = w < 110;
    }
  }

  function fill() {
    const list = here.children;
    for (const button of map.querySelectorAll("button")) button.remove();
    list.forEach((node, i) => {
      const what = `${sizeText(node.bytes)}, ${shareOf(node)}, ${groups[node.group].name}`;
      const button = make(
        "button",
        { type: "button", className: node.isFolder ? "folder" : "file", tabIndex: i === 0 ? 0 : -1 },
        make(
          "span",
          { ariaHidden: "true" },
          `${nameOf(node)}${node.isFolder ? "/" : ""} `,
          make("small", {}, sizeText(node.bytes)),
        ),
      );
      button.dataset.node = node.index;
      button.setAttribute("aria-label", `${nameOf(node)}, ${node.isFolder ? "folder, " : ""}${what}`);
      map.append(button);
    });
    const trail = [];
    for (let node = here; node !== undefined; node = nodes[node.parent]) trail.unshift(node);
    $("crumbs").replaceChildren(
      ...trail.map((node) => {
        const text = node === root ? "/" : node.name;
        if (node === here) return make("li", {}, make("span", { ariaCurrent: "location" }, text));
        return make(
          "li",
          {},
          make(
            "button",
            { type: "button", ariaLabel: node === root ? "the whole" : node.name, onclick: () => open(node) },
            text,
          ),
        );
      }),
    );
    $("rows").replaceChildren(
      ...list.map((node) => {
        const name = node.isFolder
          ? make("button", { type: "button", onclick: () => open(node) }, `${node.name}/`)
          : nameOf(node);
        const size = (text) => make("td", { className: "size" }, text);
        return make(
          "tr",
          {},
          make("td", {}, name),
          size(sizeText(node.bytes)),
          size(shareOf(node)),
          make("td", {}, groups[node.group].name),
        );
      }),
    );
    $("here").textContent = here === root ? "In all of it" : `In ${pathOf(here)}`;
  }

  /** Zooms to a folder. */
  function open(node, { isQuiet = false } = {}) {
    const hadFocus = map.contains(document.activeElement);
    here = node;
    fill();
    if (hadFocus) map.querySelector("button")?.focus();
    if (!isQuiet)
      $("said").textContent = `${pathOf(here) || "/"}: ${sizeText(here.bytes)} in ${here.children.length} parts`;
    moveTo(boxOf(here));
  }

  function moveTo(box) {
    cancelAnimationFrame(frame);
    const from = view;
    const started = performance.now();
    const step = (now) => {
      const part = isCalm.matches ? 1 : Math.min(1, Math.max(0, (now - started) / 260));
      const eased = 1 - (1 - part) ** 3;
      view = part === 1 ? box : from.map((edge, i) => edge + (box[i] - edge) * eased);
      paint();
      placeButtons();
      if (part < 1) frame = requestAnimationFrame(step);
    };
    step(started);
  }

  function activate(node) {
    if (node.isFolder) open(node);
    else $("said").textContent = $("pointed").textContent = textOf(node);
  }

  const textOf = (node) =>
    `${pathOf(node)}  ·  ${sizeText(node.bytes)}  ·  ${shareOf(node)}  ·  ${groups[node.group].name}`;

  map.addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (button !== null) activate(nodes[button.dataset.node]);
  });
  map.addEventListener("pointermove", ({ clientX, clientY }) => {
    const { left, top } = map.getBoundingClientRect();
    const [x, y] = [clientX - left, clientY - top];
    const leaf = leaves.find((node) => {
      const [a, b, w, h] = onScreen(boxOf(node));
      return x >= a && x < a + w && y >= b && y < b + h;
    });
    if (leaf !== undefined) $("pointed").textContent = textOf(leaf);
  });
  map.addEventListener("keydown", (event) => {
    const buttons = [...map.querySelectorAll("button")];
    const at = buttons.indexOf(document.activeElement);
    const to = {
      ArrowRight: at + 1,
      ArrowDown: at + 1,
      ArrowLeft: at - 1,
      ArrowUp: at - 1,
      Home: 0,
      End: buttons.length - 1,
    }[event.key];
    if (to !== undefined && buttons[to] !== undefined) {
      buttons[at].tabIndex = -1;
      buttons[to].tabIndex = 0;
      buttons[to].focus();
    } else if ((event.key === "Escape" || event.key === "Backspace") && here !== root) open(nodes[here.parent]);
    else if (to === undefined) return;
    event.preventDefault();
  });
  map.addEventListener("focusin", ({ target }) => {
    if (target.dataset.node !== undefined) $("pointed").textContent = textOf(nodes[target.dataset.node]);
  });

  const used = groups.map(({ bytes }, group) => ({ bytes, group })).filter(({ bytes }) => bytes > 0);
  for (const { bytes, group } of used.sort((a, b) => b.bytes - a.bytes)) {
    const swatch = make("i", {});
    swatch.style.background = `var(--g${groups[group].slot})`;
    const button = make(
      "button",
      { type: "button", title: groups[group].detail },
      swatch,
      make("span", {}, groups[group].name),
      " ",
      make("b", {}, sizeText(bytes)),
    );
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      chosen = chosen === group ? undefined : group;
      for (const other of $("legend").children)
        other.setAttribute("aria-pressed", String(chosen !== undefined && other === button));
      paint();
    });
    $("legend").append(button);
  }

  let listed; // every name, unpacked when it is first searched for
  async function listAll() {
    const bytes = Uint8Array.from(atob($("all").textContent), (char) => char.charCodeAt(0));
    const text = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
    const above = [];
    return JSON.parse(text).map(([depth, name, size, group]) => {
      const path = depth === 0 ? "" : `${above[depth - 1]}/${name}`;
      above[depth] = path;
      return { path, lower: path.toLowerCase(), size, group };
    });
  }

  const MOST_HITS = 200;
  async function search() {
    const words = $("search").value.trim().toLowerCase();
    listed ??= listAll();
    const all = await listed;
    if (words !== $("search").value.trim().toLowerCase()) return;
    const found = words === "" ? [] : all.filter(({ lower }) => lower.includes(words));
    $("found").hidden = words === "";
    const more = found.length > MOST_HITS ? `, the largest ${MOST_HITS} shown` : "";
    $("count").textContent = `${found.length} found${more}`;
    $("said").textContent = words === "" ? "" : `${found.length} found`;
    const shown = found.sort((a, b) => b.size - a.size).slice(0, MOST_HITS);
    $("hits").replaceChildren(
      ...shown.map(({ path, size, group }) =>
        make(
          "li",
          {},
          make("button", { type: "button", onclick: () => show(path) }, path || "/"),
          make("span", {}, `${sizeText(size)} · ${groups[group].name}`),
        ),
      ),
    );
    hits = new Set(found.map(({ path }) => path));
    paint();
  }

  /** Zooms to the smallest folder around a path that is drawn. */
  function show(path) {
    let at = root;
    for (const name of path.split("/").slice(1)) {
      const next = at.children.find((child) => child.isFolder && child.name === name);
      if (next === undefined) break;
      at = next;
    }
    open(at);
    map.scrollIntoView({ block: "nearest" });
  }

  let waiting;
  $("search").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(search, 120);
  });
  $("search").addEventListener("keydown", ({ key }) => {
    if (key === "Enter") $("hits").querySelector("button")?.click();
  });

  new ResizeObserver(() => moveTo(boxOf(here))).observe(map);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    readColors();
    paint();
  });
  readColors();
  open(root, { isQuiet: true });
  performance.mark("ready");
})();
