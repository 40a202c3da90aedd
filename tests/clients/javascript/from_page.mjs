// The same in a web page: window.everything("json" | "protobuf", endpoint, milliseconds that an export may take).
import * as jsonLogs from "@opentelemetry/exporter-logs-otlp-http";
import * as protobufLogs from "@opentelemetry/exporter-logs-otlp-proto";
import * as jsonMetrics from "@opentelemetry/exporter-metrics-otlp-http";
import * as protobufMetrics from "@opentelemetry/exporter-metrics-otlp-proto";
import * as jsonTraces from "@opentelemetry/exporter-trace-otlp-http";
import * as protobufTraces from "@opentelemetry/exporter-trace-otlp-proto";
import { everything } from "./everything.mjs";

const exporters = {
  json: { trace: jsonTraces, logs: jsonLogs, metrics: jsonMetrics },
  protobuf: { trace: protobufTraces, logs: protobufLogs, metrics: protobufMetrics },
};

window.everything = (transport, endpoint, timeoutMillis) =>
  everything((signal, name) => {
    const url = `${endpoint}/v1/${signal === "trace" ? "traces" : signal}`;
    return new exporters[transport][signal][name]({ url, timeoutMillis });
  });
