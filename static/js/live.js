// Live state of one workspace: a websocket, and plain polling while it is down.
// Every reconnect starts with a snapshot, so nothing that happened meanwhile is missed.
import { api } from "./api.js";

const POLL_MS = 3000;
const MAX_WAIT_MS = 15_000;

/**
 * @param workspace id of the workspace
 * @param on {snapshot(list), generation(one), progress({id, progress, queue_position, eta_seconds}), link(up)}
 */
export function watchWorkspace(workspace, on) {
  const list = `/api/v1/workspaces/${workspace}/generations/`;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  let socket = null;
  let failures = 0;
  let poll = 0;
  let stopped = false;
  let asleep = false; // the page lies in the back-forward cache

  async function reread() {
    try {
      const page = await api(list);
      on.snapshot(page.results);
    } catch {
      // Still away; the next round tries again.
    }
  }

  function startPolling() {
    if (poll || stopped) return;
    on.link?.(false);
    reread();
    poll = setInterval(reread, POLL_MS);
  }

  function stopPolling() {
    clearInterval(poll);
    poll = 0;
    on.link?.(true);
  }

  async function one(id) {
    try {
      on.generation(await api(`/api/v1/generations/${id}/`));
    } catch {
      // The next snapshot brings it.
    }
  }

  function connect() {
    if (stopped) return;
    socket = new WebSocket(`${scheme}://${location.host}/ws/workspaces/${workspace}/`);
    socket.addEventListener("message", (message) => {
      const event = JSON.parse(message.data);
      if (event.op === "snapshot") {
        failures = 0;
        stopPolling();
        on.snapshot(event.generations);
      } else if (event.op === "generation") {
        on.generation(event.generation);
      } else if (event.op === "progress") {
        on.progress(event);
      } else if (event.op === "changed") {
        one(event.id);
      }
    });
    socket.addEventListener("close", (event) => {
      if (stopped || asleep) return;
      if (event.code === 4404 || event.code === 4403) {
        stopped = true;
        return;
      }
      failures += 1;
      startPolling();
      const wait = Math.min(MAX_WAIT_MS, 500 * 2 ** failures) * (0.75 + Math.random() / 2);
      setTimeout(connect, wait);
    });
  }

  // A page restored from the back-forward cache or woken from sleep re-reads at once.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && socket?.readyState !== WebSocket.OPEN) reread();
  });
  window.addEventListener("pagehide", () => {
    asleep = true;
    clearInterval(poll);
    poll = 0;
    socket?.close();
  });
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    asleep = false;
    connect();
  });

  connect();
  return {
    reread,
    stop() {
      stopped = true;
      clearInterval(poll);
      socket?.close();
    },
  };
}
