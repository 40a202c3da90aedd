// node bundle.mjs <script> <into>: one file for a browser. Further arguments as JSON: esbuild's options.
import { build } from "esbuild";

const [script, outfile, options = "{}"] = process.argv.slice(2);
await build({
  entryPoints: [script],
  outfile,
  bundle: true,
  format: "esm",
  platform: "browser",
  logLevel: "warning",
  ...JSON.parse(options),
});
