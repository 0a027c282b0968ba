(() => {
  const MOST_LINES = 2000;
  const POLL_MS = 2000;
  const at = (id) => document.getElementById(id);
  let token = sessionStorage.getItem("fledge-token") ?? "";
  let chosen = decodeURIComponent(location.hash.slice(1));
  let following;
  let known = new Map();

  /** Control characters, and what turns the direction of text round, are shown instead of taken. */
  const printable = (text) =>
    String(text).replace(
      /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
      (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
  const element = (name, text, className) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = printable(text);
    if (className) made.className = className;
    return made;
  };
  const sizeOf = (bytes) => {
    let value = bytes;
    for (const unit of ["B", "KiB", "MiB", "GiB"]) {
      if (value < 1024 || unit === "GiB") return unit === "B" ? `${value} B` : `${value.toFixed(1)} ${unit}`;
      value /= 1024;
    }
  };
  const timeOf = (ms) =>
    ms < 1000 ? `${Math.round(ms)} ms` : ms < 120000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 60000)} min`;
  const clockOf = (ms) => new Date(ms).toLocaleString();
  const say = (text) => {
    at("said").textContent = printable(text);
  };
  const nameOf = ({ request, id }) => [request.plugin ?? id, request.platform].filter(Boolean).join(" ");
  const stateOf = (build) => (!build.position ? build.state : `queued, place ${build.position}`);
  const hasEnded = ({ state }) => state !== "queued" && state !== "running";

  async function ask(path, options = {}) {
    const headers = { ...options.headers, ...(token && { authorization: `Bearer ${token}` }) };
    const response = await fetch(path, { ...options, headers });
    if (response.status === 401) {
      showLogin(token !== "");
      throw new Error("a token is needed");
    }
    if (!response.ok) {
      const { error } = await response.json().catch(() => ({}));
      throw new Error(error?.message ?? `status ${response.status}`);
    }
    return response;
  }

  function showLogin(wasRefused) {
    sessionStorage.removeItem("fledge-token");
    at("login").hidden = false;
    at("list").hidden = true;
    at("one").hidden = true;
    at("refused").textContent = wasRefused ? "This token is none that the service knows." : "";
    at("facts").replaceChildren(element("li", "a token is needed"));
    at("token").focus();
  }

  at("login").addEventListener("submit", (event) => {
    event.preventDefault();
    token = at("token").value.trim();
    at("token").value = "";
    sessionStorage.setItem("fledge-token", token);
    refresh().then(
      () => at("builds").focus(),
      () => {},
    );
  });

  async function refresh() {
    const { builds, queue } = await (await ask("/v1/builds")).json();
    at("login").hidden = true;
    at("list").hidden = false;
    const { running, jobs, queued, maxQueued } = queue;
    at("facts").replaceChildren(
      element("li", `${running} of ${jobs} running`),
      element("li", `${queued} of ${maxQueued} waiting`),
      element("li", `${builds.length} kept`),
    );
    at("none").hidden = builds.length > 0;
    drawRows(builds);
    known = new Map(builds.map((build) => [build.id, build]));
    const build = known.get(chosen);
    if (build !== undefined) drawOne(build);
    else at("one").hidden = true;
  }

  /** Rows stay the same elements, so that the focus stays where it is. */
  function drawRows(builds) {
    const rows = at("rows");
    const old = new Map([...rows.children].map((row) => [row.dataset.id, row]));
    const drawn = builds.map((build) => {
      const row = old.get(build.id) ?? newRow(build.id);
      const [plugin, state, begun, time, size, by] = row.children;
      const text = (cell, value) => {
        if (cell.textContent !== value) cell.textContent = value;
      };
      text(plugin.firstChild, printable(nameOf(build)));
      text(state, stateOf(build));
      state.className = build.state;
      text(begun, build.startedMs === undefined ? "" : clockOf(build.startedMs));
      text(time, build.startedMs === undefined ? "" : timeOf((build.endedMs ?? Date.now()) - build.startedMs));
      text(size, build.outputs === undefined ? "" : sizeOf(build.outputs.artifact.sizeBytes));
      text(by, printable(build.by ?? ""));
      row.setAttribute("aria-current", String(build.id === chosen));
      return row;
    });
    const isSame = drawn.length === rows.children.length && drawn.every((row, index) => rows.children[index] === row);
    if (!isSame) {
      const focused = document.activeElement;
      rows.replaceChildren(...drawn);
      if (rows.contains(focused)) focused.focus();
    }
  }

  function newRow(id) {
    const row = element("tr");
    row.dataset.id = id;
    const first = element("td");
    const button = element("button", "");
    button.type = "button";
    button.addEventListener("click", () => choose(id));
    first.append(button);
    row.append(
      first,
      element("td"),
      element("td"),
      element("td", "", "number"),
      element("td", "", "number"),
      element("td"),
    );
    return row;
  }

  function choose(id) {
    chosen = id;
    history.replaceState(undefined, "", `#${id}`);
    at("stages").replaceChildren();
    at("log").replaceChildren();
    const build = known.get(id);
    if (build !== undefined) drawOne(build);
    for (const row of at("rows").children) row.setAttribute("aria-current", String(row.dataset.id === id));
    at("title").focus();
    void follow(id);
  }

  function drawOne(build) {
    const { id, state, outputs, error, createdMs, startedMs, endedMs, attempts } = build;
    at("one").hidden = false;
    at("title").textContent = printable(nameOf(build));
    const took = startedMs === undefined ? "" : `, ${timeOf((endedMs ?? Date.now()) - startedMs)}`;
    const again = attempts > 1 ? `, begun ${attempts} times` : "";
    at("summary").textContent = `${stateOf(build)}${took}${again}; asked for ${clockOf(createdMs)}; ${id}`;
    at("summary").className = state;
    at("problem").hidden = error === undefined;
    at("problem").textContent =
      error === undefined
        ? ""
        : printable(
            [error.message, ...(error.problems ?? []).map(({ message }) => message), error.hint]
              .filter(Boolean)
              .join("; "),
          );
    for (const what of ["artifact", "manifest"]) {
      const file = outputs?.[what];
      const link = at(what);
      link.hidden = file === undefined;
      link.textContent = file === undefined ? "" : printable(`${file.name} (${sizeOf(file.sizeBytes)})`);
      link.href = `/v1/builds/${id}/${what}`;
    }
    at("cancel").hidden = hasEnded(build);
    if (following?.id !== id) void follow(id);
  }

  /** A link carries no header: with a token it is made for this one download. */
  for (const what of ["artifact", "manifest"]) {
    at(what).addEventListener("click", async (event) => {
      if (!token) return;
      event.preventDefault();
      try {
        const { url } = await (await ask(`/v1/builds/${chosen}/ticket?of=${what}`, { method: "POST" })).json();
        location.assign(url);
      } catch (error) {
        say(error.message);
      }
    });
  }

  at("cancel").addEventListener("click", async () => {
    at("cancel").disabled = true;
    try {
      await ask(`/v1/builds/${chosen}`, { method: "DELETE" });
      say("cancelled");
      at("title").focus();
      await refresh();
    } catch (error) {
      say(error.message);
    } finally {
      at("cancel").disabled = false;
    }
  });

  async function follow(id) {
    following?.controller.abort();
    const own = { id, controller: new AbortController(), last: "0" };
    following = own;
    while (following === own) {
      try {
        const headers = { "last-event-id": own.last };
        const response = await ask(`/v1/builds/${id}/events`, { headers, signal: own.controller.signal });
        if (await readEvents(response, own)) return;
      } catch {
        if (following !== own) return;
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Whether the stream came to the end of the build. */
  async function readEvents(response, own) {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return false;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      const lines = [];
      for (const block of blocks) {
        const fields = Object.fromEntries(
          block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]),
        );
        if (fields.id) own.last = fields.id;
        if (fields.data === undefined || following !== own) continue;
        const data = JSON.parse(fields.data);
        if (fields.event === "end") {
          addLines(lines);
          drawOne(data);
          say(`${nameOf(data)}: ${data.state}`);
          refresh().catch(() => {});
          return true;
        }
        take(fields.event, data, lines);
      }
      addLines(lines);
    }
  }

  function take(type, data, lines) {
    if (type === "state") {
      lines.push([`${data.state}${data.reason ? `: ${data.reason}` : ""}`]);
      if (data.state === "queued") at("stages").replaceChildren();
    }
    if (type === "log") lines.push([data.message]);
    if (type === "warning") lines.push([`warning: ${data.message}${data.hint ? ` (${data.hint})` : ""}`, "warning"]);
    if (type.startsWith("stage:")) takeStage(type.slice("stage:".length), data);
  }

  function takeStage(what, data) {
    const key = data.stage;
    let item = [...at("stages").children].find((one) => one.dataset.stage === key);
    if (item === undefined) {
      item = element("li");
      item.dataset.stage = key;
      item.append(element("span", data.title ?? key), element("span", "running", "running"));
      at("stages").append(item);
    }
    const state = item.lastChild;
    if (what === "progress") {
      const of = data.totalBytes ? ` of ${sizeOf(data.totalBytes)}` : "";
      state.textContent = printable(data.doneBytes ? `${sizeOf(data.doneBytes)}${of}` : (data.item ?? "running"));
    }
    if (what === "done") {
      state.textContent = timeOf(data.durationMs);
      state.className = "done";
    }
    if (what === "failed") {
      state.textContent = "failed";
      state.className = "failed";
    }
  }

  function addLines(lines) {
    if (lines.length === 0) return;
    const log = at("log");
    const isAtEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
    log.append(...lines.map(([text, className]) => element("div", text, className)));
    while (log.childElementCount > MOST_LINES) log.firstChild.remove();
    if (isAtEnd) log.scrollTop = log.scrollHeight;
  }

  async function poll() {
    if (!document.hidden && at("login").hidden) {
      await refresh().catch((error) => {
        if (at("login").hidden) at("facts").replaceChildren(element("li", `no answer: ${error.message}`));
      });
    }
    setTimeout(poll, POLL_MS);
  }

  void poll().then(() => performance.mark("ready"));
})();
