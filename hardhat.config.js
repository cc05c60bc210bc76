import { fileURLToPath } from "node:url";

import { defineConfig } from "hardhat/config";

import compiler from "./contracts/compiler.json" with { type: "json" };
import { WALLET_DEPLOYED } from "./contracts/tools/standard-json.mjs";

process.env.HARDHAT_DISABLE_TELEMETRY ??= "true";

export default defineConfig({
  paths: {
    sources: "./contracts",
    tests: { solidity: "./tests/contracts" },
    artifacts: "./build/hardhat/artifacts",
    cache: "./build/hardhat/cache",
  },
  solidity: {
    npmFilesToBuild: Object.values(WALLET_DEPLOYED),
    compilers: [
      {
        version: compiler.version,
        // Hardhat loads a path ending in .js as solc-js; nothing is downloaded.
        path: fileURLToPath(import.meta.resolve("solc/soljson.js")),
        settings: compiler.settings,
      },
    ],
  },
  networks: {
    // The Solidity tests run under the rules that the bytecode is compiled for.
    default: { type: "edr-simulated", hardfork: compiler.settings.evmVersion },
  },
  test: {
    solidity: {
      fsPermissions: { readFile: ["./tests/vectors/heads.json"] },
      fuzz: { runs: 256, seed: "0x6563657274" },
      invariant: { runs: 32, depth: 128, failOnRevert: true, shrinkRunLimit: 200 },
    },
  },
});
