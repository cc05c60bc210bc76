// The compiler input that every build starts from: hardhat.config.js takes its settings from
// compiler.json too, so that all builds make the same bytecode.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
export const COMPILER = JSON.parse(readFileSync(join(ROOT, "contracts", "compiler.json"), "utf8"));

// What is deployed, each with an artifact of its own.
export const DEPLOYED = [
  "AnchorRegistry",
  "DepartmentRegistry",
  "StatusRegistry",
  "VerificationView",
];

// The council's wallet: compiled from its npm package as it is, with this project's settings.
export const WALLET = "@safe-global/safe-smart-account";
export const WALLET_DEPLOYED = {
  Safe: `${WALLET}/contracts/Safe.sol`,
  SafeProxy: `${WALLET}/contracts/proxies/SafeProxy.sol`,
  SafeProxyFactory: `${WALLET}/contracts/proxies/SafeProxyFactory.sol`,
};

const OUTPUTS = [
  "abi",
  "evm.bytecode.object",
  "evm.deployedBytecode.object",
  "evm.deployedBytecode.immutableReferences",
  "storageLayout",
];

function sourceFiles(folder) {
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith(".sol"))
    .map((name) => join(folder, name))
    .sort();
}

// Files that the sources import from packages, resolved recursively.
function imports(content) {
  return [...content.matchAll(/from "(@[^"]+)"/g)].map((match) => match[1]);
}

function packageFile(name) {
  return { content: readFileSync(join(ROOT, "node_modules", name), "utf8") };
}

export function walletStandardJson() {
  const sources = {};
  const wanted = Object.values(WALLET_DEPLOYED);
  while (wanted.length > 0) {
    const name = wanted.pop();
    if (name in sources) continue;
    sources[name] = packageFile(name);
    for (const [, path] of sources[name].content.matchAll(/^import [^;]*"(\.[^"]+)";/gm)) {
      wanted.push(posix.join(posix.dirname(name), path));
    }
  }
  const outputSelection = {};
  for (const [name, file] of Object.entries(WALLET_DEPLOYED)) {
    outputSelection[file] = { [name]: OUTPUTS };
  }
  return { language: "Solidity", sources, settings: { ...COMPILER.settings, outputSelection } };
}

export function standardJson() {
  const sources = {};
  const wanted = [];
  for (const file of sourceFiles(join(ROOT, "contracts"))) {
    const content = readFileSync(file, "utf8");
    sources[relative(ROOT, file).split(sep).join("/")] = { content };
    wanted.push(...imports(content));
  }
  while (wanted.length > 0) {
    const name = wanted.pop();
    if (name in sources) continue;
    sources[name] = packageFile(name);
    wanted.push(...imports(sources[name].content));
  }
  const outputSelection = {};
  for (const name of DEPLOYED) outputSelection[`contracts/${name}.sol`] = { [name]: OUTPUTS };
  return { language: "Solidity", sources, settings: { ...COMPILER.settings, outputSelection } };
}
