// local-slack shows <!date^…|fallback> as it is written; Slack shows a time.
const serve = Bun.serve;
const date = /<!date\^[^|>]*\|([^>]*)>/g;

async function shown(request) {
  const kind = request.headers.get("content-type") ?? "";
  if (request.method !== "POST" || !/json|urlencoded/.test(kind)) {
    return request;
  }
  const { method, url } = request;
  const headers = new Headers(request.headers);
  headers.delete("content-length");
  return new Request(url, { method, headers, body: (await request.text()).replace(date, "$1") });
}

Bun.serve = (options) =>
  serve.call(Bun, {
    ...options,
    async fetch(request, server) {
      return options.fetch.call(this, await shown(request), server);
    },
  });
