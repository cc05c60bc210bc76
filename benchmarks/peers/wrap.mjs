// Wraps documents as one OpenAttestation batch, each with its proof: node wrap.mjs FILE
// FILE is a JSON array of OpenAttestation 2.0 documents. What it took goes to standard output.

import { readFileSync } from "node:fs";
import { MerkleTree, utils, verifySignature, wrapDocuments } from "@govtechsg/open-attestation";

const SAMPLES = 100;

const documents = JSON.parse(readFileSync(process.argv[2], "utf8"));
const [wrapped, wrapping] = timed(() => wrapDocuments(documents));
const hashes = wrapped.map(({ signature }) => utils.hashToBuffer(signature.targetHash));
const [, proving] = timed(() => {
  const tree = new MerkleTree(hashes);
  return hashes.map((hash) => tree.getProof(hash));
});
const step = Math.max(1, Math.floor(wrapped.length / SAMPLES));
const samples = wrapped.filter((_, place) => place % step === 0);
const roots = new Set(wrapped.map(({ signature }) => signature.merkleRoot));
const verified = roots.size === 1 && samples.every((document) => verifySignature(document));
console.log(JSON.stringify({ documents: wrapped.length, wrapping, proving, verified }));

function timed(action) {
  const wall = performance.now();
  const before = process.cpuUsage();
  const result = action();
  const { user, system } = process.cpuUsage(before);
  return [result, { processor: (user + system) / 1e6, wall: (performance.now() - wall) / 1e3 }];
}
