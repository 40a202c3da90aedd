// node from_node.mjs json|protobuf|grpc <http endpoint> <grpc address> [gzip]: prints what `everything` gives.
import { everything } from "./everything.mjs";

const [transport, http, grpc, compression = "none"] = process.argv.slice(2);
const packages = { json: "http", protobuf: "proto", grpc: "grpc" };

async function exporter(signal, name) {
  const loaded = await import(`@opentelemetry/exporter-${signal}-otlp-${packages[transport]}`);
  const url = transport === "grpc" ? `http://${grpc}` : `${http}/v1/${signal === "trace" ? "traces" : signal}`;
  return new loaded[name]({ url, compression });
}

console.log(JSON.stringify(await everything(exporter)));
