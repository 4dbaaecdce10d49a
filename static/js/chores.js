// Work that takes a while on the server: a zip, an export, another format. Ask until it has ended.
import { api, ApiError } from "./api.js";

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const TRIES = 6;

/** GET again and again: `read` says when it is enough. A server that is busy for a moment is asked again. */
export async function poll(path, read) {
  let failures = 0;
  for (let pause = 600; ; pause = Math.min(pause * 1.3, 4000)) {
    await wait(pause);
    try {
      const found = read(await api(path));
      failures = 0;
      if (found) return found;
    } catch (error) {
      const passing = error.status === 429 || error.status >= 500 || error.code === "offline";
      failures += 1;
      if (!passing || failures === TRIES) throw error;
    }
  }
}

/** Resolves with the finished chore; rejects with ApiError when it failed. `onStep(chore)` each time. */
export async function follow(chore, onStep = () => {}) {
  const ended = (now) => {
    onStep(now);
    return ["done", "failed"].includes(now.status) && now;
  };
  const last = ended(chore) || (await poll(`/api/v1/chores/${chore.id}/`, ended));
  if (last.status === "failed") throw new ApiError(0, { code: "failed", message: last.problem });
  return last;
}
