// Makes a container: ENDPOINT ACCOUNT KEY CONTAINER. The request is signed as Azure's Shared Key says.
import { createHmac } from "node:crypto";

const [endpoint, account, key, container] = process.argv.slice(1);
const url = new URL(`${endpoint}/${container}?restype=container`);
const headers = { "x-ms-date": new Date().toUTCString(), "x-ms-version": "2023-11-03" };
const named = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
const text = `PUT${"\n".repeat(12)}${named.join("")}/${account}${url.pathname}\nrestype:container`;
const signature = createHmac("sha256", Buffer.from(key, "base64")).update(text).digest("base64");
const answer = await fetch(url, { method: "PUT", headers: { ...headers, authorization: `SharedKey ${account}:${signature}` } });
if (!answer.ok && answer.status !== 409) throw new Error(`${answer.status} ${await answer.text()}`);
