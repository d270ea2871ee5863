// local-slack names no address to listen on, which would be all of them, without any password.
const serve = Bun.serve;
Bun.serve = (options) => serve.call(Bun, { ...options, hostname: "127.0.0.1" });
