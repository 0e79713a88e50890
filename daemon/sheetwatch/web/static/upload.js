"use strict";
// Files go up in pieces that are small enough for the server's limit on every request.

const PIECE_BYTES = 96 * 1024;

/** Post fields; resolves to what the server answered, with `ok`, `status` and in `problem` why not. */
async function post(url, fields) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  try {
    const answer = await fetch(url, { method: "POST", body, headers: { "X-Requested-With": "fetch" } });
    const isJson = (answer.headers.get("Content-Type") || "").includes("json");
    const said = isJson ? await answer.json() : { problem: refusal(answer.status) };
    return { ...said, ok: answer.ok, status: answer.status };
  } catch {
    return { ok: false, status: 0, problem: "The server does not answer. Nothing was changed." };
  }
}

function refusal(status) {
  if (status === 401) return "You are logged out. Log in again in another window, then go on here.";
  if (status === 403) return "This page is too old. Reload it.";
  if (status === 404) return "This draft is gone.";
  return `The server refused this (${status}).`;
}

/** Upload one file; resolves to "" or to what went wrong. `told` is called with the share that is done. */
async function uploadFile(url, csrf, index, file, told) {
  if (!file.size) return `${file.name} is empty.`;
  for (let at = 0; at < file.size; at += PIECE_BYTES) {
    const piece = file.slice(at, at + PIECE_BYTES);
    const answer = await post(url, { csrf, index, at, piece });
    if (!answer.ok) return `${file.name}: ${answer.problem}`;
    told?.(Math.min(1, (at + PIECE_BYTES) / file.size));
  }
  return "";
}
