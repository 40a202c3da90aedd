// Sends every kind of value with OpenTelemetry's SDK. `exporter(signal, name)` gives the exporter of a signal.
// Resolves to what only it knows: ids, and the exponential histogram as the SDK itself tells it.
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, createTraceState, trace } from "@opentelemetry/api";
import { SeverityNumber } from "@opentelemetry/api-logs";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import {
  AggregationTemporality,
  AggregationType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";

const TEXT = "Zürich 東京 🚗\0 end";
const FLAT = {
  text: TEXT,
  empty: "",
  truth: false,
  whole: Number.MIN_SAFE_INTEGER,
  double: 0.1,
  huge: -1.7976931348623157e308,
  nan: NaN,
  texts: ["a", ""],
  doubles: [0.5, -1.5e-300],
  none: [],
};
const NESTED = {
  ...FLAT,
  mixed: [1, "a", 2.5, true, null, [], {}],
  deep: { er: { est: [{ a: null }] } },
  bytes: new Uint8Array([0, 255]),
  cut: "🚗".slice(0, 1),
};
const START = [1763000000, 123456789];
const later = (ns) => [START[0], START[1] + ns];
const resource = resourceFromAttributes({
  "service.name": "page",
  "device.id": "camera-7",
  flat: TEXT,
  list: ["a", "b"],
});

export async function everything(exporter) {
  const [spans, logs, metrics] = await Promise.all([
    exporter("trace", "OTLPTraceExporter"),
    exporter("logs", "OTLPLogExporter"),
    exporter("metrics", "OTLPMetricExporter"),
  ]);
  const tracers = new TracerProvider({ resource, spanProcessors: [new BatchSpanProcessor({ exporter: spans })] });
  const tracer = tracers.getTracer("scope", "1.2");
  const parent = tracer.startSpan("parent", { kind: SpanKind.SERVER, startTime: START });
  const linked = {
    traceId: "80".repeat(16),
    spanId: "01".repeat(8),
    traceFlags: TraceFlags.SAMPLED,
    traceState: createTraceState("vendor=1"),
  };
  const child = tracer.startSpan(
    "Kind 東京",
    { attributes: FLAT, links: [{ context: linked, attributes: { why: "because" } }], startTime: START },
    trace.setSpan(ROOT_CONTEXT, parent),
  );
  child.addEvent("began", FLAT, later(1));
  child.addEvent("", later(2));
  child.setStatus({ code: SpanStatusCode.ERROR, message: "falsch ☠" });
  child.end(later(7));
  parent.end(later(9));

  const loggers = new LoggerProvider({ resource, processors: [new SimpleLogRecordProcessor({ exporter: logs })] });
  const logger = loggers.getLogger("scope");
  for (const [place, body] of [TEXT, "", null, 0, [1, { a: null }], { k: [NaN] }].entries()) {
    logger.emit({
      timestamp: later(place),
      observedTimestamp: later(100),
      severityNumber: SeverityNumber.WARN2,
      severityText: "Wärn",
      eventName: `event.${place}`,
      body,
      attributes: NESTED,
      context: place ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, child),
    });
  }

  const memory = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const [sent, own] = [metrics, memory].map(
    (to) => new PeriodicExportingMetricReader({ exporter: to, exportIntervalMillis: 2 ** 30 }),
  );
  const meters = new MeterProvider({
    resource,
    views: [{ instrumentName: "exponential", aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }],
    readers: [sent, own],
  });
  const meter = meters.getMeter("scope");
  meter.createCounter("counted", { unit: "1" }).add(Number.MAX_SAFE_INTEGER, { where: TEXT, list: ["a"] });
  const advice = { explicitBucketBoundaries: [0.1, 1] };
  const explicit = meter.createHistogram("explicit", { advice });
  const exponential = meter.createHistogram("exponential");
  for (const value of [0.05, 0.5, 50]) {
    explicit.record(value);
    exponential.record(value);
  }
  exponential.record(0);
  meter.createGauge("gauge", { unit: "Cel" }).record(-0.5);
  meter.createGauge("none").record(NaN);
  meter.createUpDownCounter("level").add(-3);

  await own.forceFlush();
  const told = memory.getMetrics()[0].scopeMetrics[0].metrics.find((each) => each.descriptor.name === "exponential");
  await Promise.all([tracers.shutdown(), loggers.shutdown(), meters.shutdown()]);
  return { child: child.spanContext(), parent: parent.spanContext(), exponential: told.dataPoints[0].value };
}
