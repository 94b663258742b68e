// Drives a server with toxiproxy-node-client: node drive.cjs PORT

const assert = require("node:assert/strict");
const net = require("node:net");
const { once } = require("node:events");
const { Toxiproxy, ToxiproxyError } = require("toxiproxy-node-client");

/** An upstream that sends back whatever comes; its address. */
async function echo() {
  const server = net.createServer((stream) => stream.on("error", () => {}).pipe(stream));
  server.listen(0, "127.0.0.1").unref();
  await once(server, "listening");
  return `127.0.0.1:${server.address().port}`;
}

async function connect(proxy) {
  const [host, port] = proxy.listen.split(":");
  const stream = net.connect({ host, port: Number(port), noDelay: true });
  await once(stream, "connect");
  return stream;
}

/** Sends data, reads it back, and says how many milliseconds that took. */
async function roundTrip(stream, data = "hello") {
  const began = performance.now();
  stream.write(data);
  let back = "";
  while (back.length < data.length) back += (await once(stream, "data"))[0];
  assert.equal(back, data);
  return performance.now() - began;
}

async function fails(promise, status) {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof ToxiproxyError, String(error));
    assert.match(error.message, new RegExp(String(status)));
    return true;
  });
}

async function main() {
  const toxiproxy = new Toxiproxy(`http://127.0.0.1:${process.argv[2]}`);
  assert.equal(await toxiproxy.getVersion(), '{"version": "2.12.0"}\n');
  assert.deepEqual(await toxiproxy.getAll(), {});

  const upstream = await echo();
  const body = { name: "echo", listen: "127.0.0.1:0", upstream };
  let proxy = await toxiproxy.createProxy(body);
  assert.equal(proxy.enabled, true);
  assert.doesNotMatch(proxy.listen, /:0$/);
  await fails(toxiproxy.createProxy(body), 409);
  await fails(toxiproxy.get("other"), 404);
  await fails(toxiproxy.createProxy({ name: "nothing" }), 400);
  assert.deepEqual(Object.keys(await toxiproxy.getAll()), ["echo"]);

  let stream = await connect(proxy);
  await roundTrip(stream);
  const attributes = { latency: 100, jitter: 0 };
  const toxic = await proxy.addToxic({ type: "latency", name: "slow", stream: "upstream", toxicity: 1, attributes });
  assert.deepEqual(toxic.toJson(), { attributes, name: "slow", stream: "upstream", toxicity: 1, type: "latency" });
  assert.ok((await roundTrip(stream)) >= 99);
  const updated = await toxic.update({ attributes: { latency: 200 }, toxicity: 1 });
  assert.deepEqual(updated.attributes, { latency: 200, jitter: 0 });
  assert.ok((await roundTrip(stream)) >= 199);
  await toxic.remove();
  await fails(proxy.getToxic("slow"), 404);
  for (const [type, attributes] of Object.entries({
    bandwidth: { rate: 1000 },
    slow_close: { delay: 1 },
    timeout: { timeout: 1000 },
    reset_peer: { timeout: 1000 },
    slicer: { average_size: 100, size_variation: 10, delay: 1 },
    limit_data: { bytes: 1000 },
  })) {
    const toxic = await proxy.addToxic({ type, name: type, stream: "downstream", toxicity: 0, attributes });
    assert.deepEqual((await proxy.getToxic(type)).toJson(), toxic.toJson());
    assert.deepEqual(toxic.attributes, attributes);
  }
  // A toxicity of 0 concerns nobody.
  await roundTrip(await connect(proxy));
  await toxiproxy.reset();

  const listen = proxy.listen;
  const ended = once(stream, "end");
  proxy = await proxy.update({ enabled: false, listen, upstream });
  assert.equal(proxy.enabled, false);
  await ended;
  await assert.rejects(connect(proxy), { code: "ECONNREFUSED" });
  proxy = await proxy.update({ enabled: true, listen, upstream });
  assert.equal(proxy.listen, listen);
  stream = await connect(proxy);
  await roundTrip(stream);
  await proxy.addToxic({ type: "reset_peer", name: "reset", stream: "downstream", toxicity: 1, attributes: { timeout: 0 } });
  const error = new Promise((resolve) => stream.once("error", resolve));
  stream.write("hello");
  assert.equal((await error).code, "ECONNRESET");

  const populated = await toxiproxy.populate([
    { name: "one", listen: "127.0.0.1:0", upstream },
    { name: "two", listen: "127.0.0.1:0", upstream },
  ]);
  assert.deepEqual(Object.keys(populated), ["one", "two"]);
  for (const proxy of Object.values(await toxiproxy.getAll())) await proxy.remove();
  assert.deepEqual(await toxiproxy.getAll(), {});
  console.log("all of it passed");
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
