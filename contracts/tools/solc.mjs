#!/usr/bin/env node
// The package's compiler behind the two flags of the native solc that py-solc-x uses; its own
// command line, solcjs, knows neither this order of flags nor the native's answer to --version.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const solc = createRequire(import.meta.url)("solc");
const flags = process.argv.slice(2);

if (flags.length === 1 && flags[0] === "--version") {
  console.log("solc, the solidity compiler commandline interface");
  console.log(`Version: ${solc.version()}`);
} else if (flags.length === 1 && flags[0] === "--standard-json") {
  process.stdout.write(solc.compile(readFileSync(0, "utf8")));
} else {
  console.error("usage: solc.mjs --version | solc.mjs --standard-json < input.json");
  process.exitCode = 2;
}
