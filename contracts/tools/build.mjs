// Compiles the contracts and writes ecert/chain/artifacts/, and the council's wallet to
// registry/chain/artifacts/. Both are committed: running the product needs no compiler.
// `--check [FOLDER]` writes nothing and fails if an artifact there is not what the sources make.
import { createRequire } from "node:module";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import {
  COMPILER,
  DEPLOYED,
  ROOT,
  WALLET,
  WALLET_DEPLOYED,
  standardJson,
  walletStandardJson,
} from "./standard-json.mjs";

const solc = createRequire(import.meta.url)("solc");
const [mode, folder] = process.argv.slice(2);
const ours = folder ?? join(ROOT, "ecert", "chain", "artifacts");
const wallet = folder ?? join(ROOT, "registry", "chain", "artifacts");

// What a released package's sources say is not ours to mend; only that they compile counts.
function isForeign(problem) {
  return problem.severity === "warning" && problem.sourceLocation?.file.startsWith(`${WALLET}/`);
}

function compile(input) {
  if (!solc.version().startsWith(`${COMPILER.version}+`)) {
    throw new Error(`compiler.json wants solc ${COMPILER.version}, installed is ${solc.version()}`);
  }
  const output = JSON.parse(solc.compile(JSON.stringify(input)));
  const problems = (output.errors ?? []).filter((problem) => !isForeign(problem));
  for (const problem of problems) console.error(problem.formattedMessage);
  if (problems.length > 0) throw new Error("the compiler has complaints; see above");
  return output.contracts;
}

// Identifiers in the layout's type names come from the order of the syntax tree's nodes, which
// says nothing; without them the artifact changes only when the layout does.
function withoutNodeNumbers(layout) {
  const text = JSON.stringify(layout, (key, value) => (key === "astId" ? undefined : value));
  return JSON.parse(text.replaceAll(/(t_(?:struct|enum|contract)\([A-Za-z0-9_]+\))\d+/g, "$1"));
}

// Keyed by the order of appearance instead of the node's number, for the same reason.
function immutables(references) {
  return Object.values(references).sort((a, b) => a[0].start - b[0].start);
}

function artifact(name, compiled) {
  return {
    contractName: name,
    compiler: solc.version(),
    evmVersion: COMPILER.settings.evmVersion,
    optimizer: COMPILER.settings.optimizer,
    viaIR: COMPILER.settings.viaIR,
    metadata: COMPILER.settings.metadata,
    abi: compiled.abi,
    bytecode: `0x${compiled.evm.bytecode.object}`,
    deployedBytecode: `0x${compiled.evm.deployedBytecode.object}`,
    immutableReferences: immutables(compiled.evm.deployedBytecode.immutableReferences),
    storageLayout: withoutNodeNumbers(compiled.storageLayout),
  };
}

const check = mode === "--check";
let stale = 0;

function keep(folder, name, compiled) {
  const path = join(folder, `${name}.json`);
  const made = artifact(name, compiled);
  const text = `${JSON.stringify(made, null, 2)}\n`;
  const bytes = (made.deployedBytecode.length - 2) / 2;
  if (!check) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path, text);
    console.log(`${name}: ${bytes} bytes of code`);
  } else if (readFileSync(path, "utf8") !== text) {
    console.error(`${name}.json is not what the sources make; run: make contracts`);
    stale += 1;
  }
}

const contracts = compile(standardJson());
for (const name of DEPLOYED) keep(ours, name, contracts[`contracts/${name}.sol`][name]);
const packaged = compile(walletStandardJson());
for (const [name, file] of Object.entries(WALLET_DEPLOYED)) keep(wallet, name, packaged[file][name]);
process.exitCode = stale === 0 ? 0 : 1;
