// Work that takes a while on the server: a zip, an export, another format. Ask until it has ended.
import { api, ApiError } from "./api.js";

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Resolves with the finished chore; rejects with ApiError when it failed. `onStep(chore)` each time. */
export async function follow(chore, onStep = () => {}) {
  let pause = 600;
  let now = chore;
  for (;;) {
    onStep(now);
    if (now.status === "done") return now;
    if (now.status === "failed") throw new ApiError(0, { code: "failed", message: now.problem });
    await wait(pause);
    pause = Math.min(pause * 1.3, 4000);
    now = await api(`/api/v1/chores/${now.id}/`);
  }
}
