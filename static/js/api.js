// One way to talk to the JSON API: cookies, CSRF and the error shape {error: {code, message, ...}}.

export class ApiError extends Error {
  constructor(status, error) {
    super(error.message || "Something went wrong.");
    this.status = status;
    this.code = error.code || "error";
    this.param = error.param || null;
    this.remedy = error.remedy || null;
    this.retryAfter = error.retryAfter || null;
    this.details = error;
  }
}

function cookie(name) {
  const found = document.cookie.split("; ").find((part) => part.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}

/** Call the API. Resolves to the parsed body; rejects with ApiError, also when offline.
 *  `keepalive`: the request outlives the page. */
export async function api(path, { method = "GET", body, headers = {}, signal, keepalive } = {}) {
  const options = { method, headers: { Accept: "application/json", ...headers }, signal, keepalive };
  if (method !== "GET") options.headers["X-CSRFToken"] = cookie("csrftoken");
  if (body instanceof FormData || body instanceof Blob) {
    options.body = body;
  } else if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch (failure) {
    if (failure.name === "AbortError") throw failure;
    throw new ApiError(0, {
      code: "offline",
      message: "The server can't be reached.",
      remedy: "Check the connection and try again. Nothing you typed is lost.",
    });
  }
  const text = await response.text();
  let data = null;
  try {
    data = text ? JSON.parse(text) : null;
  } catch {
    data = null;
  }
  if (!response.ok) {
    const error = data?.error || { code: "error", message: `The server answered ${response.status}.` };
    throw new ApiError(response.status, { ...error, retryAfter: Number(response.headers.get("Retry-After")) || null });
  }
  return data;
}
